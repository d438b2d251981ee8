"""The golden inputs that an artifact carries: real items and histories, and odd texts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from distill_rec.artifact.golden import Golden, Question
from distill_rec.artifact.layout import TRANSITIONS
from distill_rec.artifact.manifest import Manifest
from distill_rec.data.dataset import Dataset
from distill_rec.export.parity import ODD_TEXTS, long_histories, real_histories
from distill_rec.runtime import Student

REQUESTS, CANDIDATES, TEXTS = 8, 20, 8


def golden_inputs(folder: Path, dataset: Dataset, precisions: list[str]) -> Golden:
    """Every precision asked the same, with its answers; one history is longer than is read."""
    generator = np.random.default_rng(2)
    ids = dataset.items["item_id"].to_list()
    drawn = generator.choice(len(dataset.texts), min(TEXTS, len(dataset.texts)), replace=False)
    texts = [dataset.texts[text] for text in drawn] + ODD_TEXTS
    real = real_histories(dataset, REQUESTS, generator)
    histories = [*real, *long_histories(real, dataset.max_history, dataset.n_items, generator, count=1)]
    requests = [
        Question(
            [ids[item] for item in row],
            [ids[item] for item in generator.choice(len(ids), min(CANDIDATES, len(ids)), replace=False)],
        )
        for row in histories
    ]
    manifest = Manifest.read(folder)
    if manifest.repeat:  # asked of items of the history too, the longest ago among them
        requests = [_with(one, one.history) for one in requests]
    if TRANSITIONS in manifest.files:
        whole = Student.load(folder)
        requests = [_with(one, list(whole.transitions(one.history))[:CANDIDATES]) for one in requests]
    golden = Golden(texts, requests, expected={})
    return golden.answered(precisions, lambda name: Student.load(folder, precision=name))


def _with(question: Question, items: list[str]) -> Question:
    """The same asked of these items too."""
    return replace(question, candidates=list(dict.fromkeys(question.candidates + items)))
