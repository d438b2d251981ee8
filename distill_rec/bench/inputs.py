"""Texts, histories and candidates to measure with: drawn from the artifact, so that nothing else is needed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from distill_rec.evaluation.unseen import Unseen
from distill_rec.runtime import Student

POOL = 512
"""Different inputs of each kind; calls go through them in turn."""

MOST_TEXTS, MADE = 100_000, 4096
"""Texts of a corpus: of the catalogue at most, and of those that are made where it holds none."""

WORDS_OF_A_TEXT = 8


def new_texts(student: Student, seed: int = 0) -> Unseen:
    """Texts like the catalogue's, which nobody has met."""
    return Unseen(_corpus(student), seed)


def _corpus(student: Student) -> list[str]:
    """Distinct texts of the catalogue; where it holds none, whole words of the tokenizer, its first ones most often."""
    random = np.random.default_rng(0)
    # Each once: how many words of a new text are new is told from how many stand in one text alone.
    known: list[str] = list(dict.fromkeys(getattr(student, "item_texts", None) or ()))
    if known:
        return (
            known
            if len(known) <= MOST_TEXTS
            else [known[row] for row in random.choice(len(known), MOST_TEXTS, replace=False)]
        )
    words = _words(student.info.folder)
    # Ranks whose logarithm is uniform: words as frequent as Zipf's law has them, for a vocabulary is in that order.
    ranks = np.exp(random.random((MADE, WORDS_OF_A_TEXT)) * np.log(len(words))).astype(np.int64) - 1
    return [" ".join(words[rank] for rank in row) for row in ranks]


def _words(folder: Path) -> list[str]:
    vocabulary = json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    ordered = sorted(vocabulary, key=vocabulary.__getitem__) if isinstance(vocabulary, dict) else vocabulary
    pieces = [piece if isinstance(piece, str) else piece[0] for piece in ordered]
    clean = [piece.strip("\u2581\u0120") for piece in pieces if not piece.startswith("##")]
    return list(dict.fromkeys(p for p in clean if p.isalpha() and p.isascii() and len(p) > 2)) or ["word"]


def histories(student: Student, length: int) -> list[list[str]]:
    """`POOL` of them, of known items."""
    return _drawn(student.item_ids, length, seed=length)


def candidate_lists(student: Student, length: int) -> list[list[str]]:
    """`POOL` of them, of items that were not removed."""
    return _drawn([item for item in student.item_ids if item in student], length, seed=1)


def _drawn(ids: list[str], length: int, seed: int) -> list[list[str]]:
    random = np.random.default_rng(seed)
    return [[ids[row] for row in random.integers(0, len(ids), length)] for _ in range(POOL)]
