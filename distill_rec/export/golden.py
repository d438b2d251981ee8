"""The golden inputs that an artifact carries: real items and histories, and odd texts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from distill_rec.data.dataset import Dataset
from distill_rec.export.parity import ODD_TEXTS, long_histories, real_histories
from distill_rec.files import write_text
from distill_rec.runtime import Student
from distill_rec.runtime.golden import GOLDEN, answers

REQUESTS, CANDIDATES, TEXTS = 8, 20, 8


def write_golden(folder: Path, dataset: Dataset, precisions: list[str]) -> None:
    """Ask every precision the same and write its answers down; one history is longer than is read."""
    generator = np.random.default_rng(2)
    ids = dataset.items["item_id"].to_list()
    drawn = generator.choice(len(dataset.texts), min(TEXTS, len(dataset.texts)), replace=False)
    texts = [dataset.texts[text] for text in drawn] + ODD_TEXTS
    real = real_histories(dataset, REQUESTS, generator)
    histories = [*real, *long_histories(real, dataset.max_history, dataset.n_items, generator, count=1)]
    requests = [
        {
            "history": [ids[item] for item in row],
            "candidates": [ids[item] for item in generator.choice(len(ids), min(CANDIDATES, len(ids)), replace=False)],
        }
        for row in histories
    ]
    expected = {name: answers(Student.load(folder, precision=name), texts, requests) for name in precisions}
    content = {"texts": texts, "requests": requests, "expected": expected}
    write_text(folder / GOLDEN, json.dumps(content, ensure_ascii=False) + "\n")
