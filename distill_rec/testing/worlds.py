"""A data set that can be learnt in seconds, made in code from a seed: users who stay with one colour of item."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from distill_rec.data.dataset import Dataset, Impressions, Queries, Sequences
from distill_rec.data.ragged import Ragged
from distill_rec.losses.spec import Kind
from distill_rec.testing.trunks import WORDS

Items = NDArray[Any]


def make_dataset(kind: Kind = "clicks", n_items: int = 60, n_users: int = 80, seed: int = 0) -> Dataset:
    """Users who stay with one colour of item; two items share a text, the last five are never clicked in training."""
    generator = np.random.default_rng(seed)
    texts = [f"{WORDS[i % 3]} {WORDS[3 + i % 4]} {WORDS[7 + i % 13]} {i}" for i in range(n_items)]
    texts[4] = texts[1]
    distinct = list(dict.fromkeys(texts))
    item_text = np.array([distinct.index(text) for text in texts], np.int32)
    warm = n_items - 5
    rows = []
    for user in range(n_users):
        own = np.arange(user % 3, warm, 3)
        rows.append(generator.permutation(own)[: generator.integers(6, 14)])
    counts = np.zeros(n_items, np.int32)
    for row in rows:
        np.add.at(counts, row[:-2], 1)
    items = pl.DataFrame({"item_id": [f"i{i}" for i in range(n_items)], "title": texts, "text": texts})
    users = pl.DataFrame({"user_id": [f"u{i}" for i in range(n_users)]})
    train, validation, test = _clicks(rows) if kind == "clicks" else _impressions(rows, warm, generator)
    return Dataset(
        kind=kind,
        items=items,
        users=users,
        texts=distinct,
        item_text=item_text,
        train_clicks=counts,
        new=np.zeros(n_items, np.bool_),
        train=train,
        validation=validation,
        test=test,
        test_new=None,
        max_history=8,
        template="{title}",
        fingerprint=f"tiny-{kind}-{seed}",
    )


def _clicks(rows: list[Items]) -> tuple[Sequences, Queries, Queries]:
    user = np.arange(len(rows), dtype=np.int32)
    train = [row[:-2] for row in rows]
    sequences = Sequences(
        user,
        Ragged.from_rows(train),
        Ragged.from_rows([np.arange(len(row)) // 2 for row in train], np.int64),
        Ragged.from_rows([np.ones(len(row)) for row in train], np.float32),
    )
    return sequences, _queries(rows, -2), _queries(rows, -1)


def _queries(rows: list[Items], at: int) -> Queries:
    history = Ragged.from_rows([row[:at][-8:] for row in rows])
    user = np.arange(len(rows), dtype=np.int32)
    return Queries(user, np.zeros(len(rows), np.int64), np.array([row[at] for row in rows], np.int32), history, history)


def _impressions(
    rows: list[Items], warm: int, generator: np.random.Generator
) -> tuple[Impressions, Impressions, Impressions]:
    def at(place: int) -> Impressions:
        candidates, labels = [], []
        for row in rows:
            shown = np.unique(np.append(generator.integers(0, warm, 6), row[place]))
            candidates.append(shown)
            labels.append(shown == row[place])
        return Impressions(
            np.arange(len(rows), dtype=np.int32),
            np.zeros(len(rows), np.int64),
            Ragged.from_rows([row[: place - 1 if place < -1 else place][-8:] for row in rows]),
            Ragged.from_rows(candidates),
            Ragged.from_rows(labels, np.int8),
        )

    return at(-3), at(-2), at(-1)
