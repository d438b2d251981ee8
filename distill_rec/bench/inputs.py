"""Texts, histories and candidates to measure with: drawn from the artifact, so that nothing else is needed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from distill_rec.runtime import Student

POOL = 512
"""Different inputs of each kind; calls go through them in turn."""

WORDS_OF_A_TEXT = 8


def item_texts(student: Student, count: int) -> list[str]:
    """Texts of the catalogue; where it holds none, made of whole words of the tokenizer."""
    random = np.random.default_rng(0)
    known: list[str] | None = getattr(student, "item_texts", None)
    if known:
        return [known[row] for row in random.integers(0, len(known), count)]
    words = _words(student.info.folder)
    return [" ".join(words[row] for row in random.integers(0, len(words), WORDS_OF_A_TEXT)) for _ in range(count)]


def _words(folder: Path) -> list[str]:
    vocabulary = json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    pieces = [piece if isinstance(piece, str) else piece[0] for piece in vocabulary]
    clean = [piece.strip("\u2581\u0120") for piece in pieces if not piece.startswith("##")]
    return sorted({piece for piece in clean if piece.isalpha() and piece.isascii() and len(piece) > 2}) or ["word"]


def histories(student: Student, length: int) -> list[list[str]]:
    """`POOL` of them, of known items."""
    random, ids = np.random.default_rng(length), student.item_ids
    return [[ids[row] for row in random.integers(0, len(ids), length)] for _ in range(POOL)]


def candidate_lists(student: Student, length: int) -> list[list[str]]:
    """`POOL` of them."""
    random, ids = np.random.default_rng(1), student.item_ids
    return [[ids[row] for row in random.integers(0, len(ids), length)] for _ in range(POOL)]
