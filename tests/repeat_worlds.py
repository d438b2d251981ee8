"""Small logs in which people come back to what they clicked, or never do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tiny import make_dataset

from distill_rec.data.dataset import Dataset
from distill_rec.testing.worlds import _clicks


def repeating(share: float = 0.5, n_users: int = 240, seed: int = 0) -> Dataset:
    """Of each user's clicks this share goes to an item that was clicked shortly before, the rest anywhere."""
    generator = np.random.default_rng(seed)
    base = make_dataset(n_users=n_users, seed=seed)
    rows = []
    for _ in range(n_users):
        row = [int(generator.integers(0, 55))]
        while len(row) < 12:
            again = row[-min(len(row), 2)] if generator.random() < share else int(generator.integers(0, 55))
            row.append(again)
        rows.append(np.array(row))
    counts = np.zeros(base.n_items, np.int32)
    for row in rows:
        np.add.at(counts, row[:-2], 1)
    train, validation, test = _clicks(rows)
    return replace(
        base, train=train, validation=validation, test=test, train_clicks=counts, repeated_targets=share,
        fingerprint=f"repeating-{share}-{seed}",
    )  # fmt: skip


def never_repeating() -> Dataset:
    """Nobody clicks an item twice, and everybody stays with a third of the items: what was clicked ranks high."""
    return replace(make_dataset(n_users=240), repeated_targets=0.0)
