"""Whether the arrays of a prepared data set fit each other; needs the extra `train`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np

from distill_rec.data import Dataset, Ragged
from distill_rec.data.slices import Slices

ITEMS = ("items", "history", "seen", "candidates", "target")


def out_of_bounds(data: Dataset) -> str | None:
    """The first array that names an item, user or text which is not there, or whose rows do not add up."""
    lengths = {"item_text": data.item_text, "train_clicks": data.train_clicks, "new": data.new}
    for name, array in lengths.items():
        if len(array) != data.n_items:
            return f"{name} has {len(array):,} entries for {data.n_items:,} items"
    if not _inside(data.item_text, len(data.texts)):
        return f"item_text names a text beyond the {len(data.texts):,} that are there"
    parts = {"train": data.train, "validation": data.validation, "test": data.test, "test_new": data.test_new}
    for part, columns in parts.items():
        if columns is not None:
            for fault in _faults(columns, data.n_items, len(data.users)):
                return f"{part}.{fault}"
    return None


def _faults(columns: Any, n_items: int, n_users: int) -> Iterator[str]:
    for field in fields(columns):
        value = getattr(columns, field.name)
        if value is None:
            continue
        values = value.values if isinstance(value, Ragged) else value.source if isinstance(value, Slices) else value
        if isinstance(value, Slices) and not _within(value):
            yield f"{field.name}: a place beyond the log's {len(values):,} entries"
        if isinstance(value, Ragged) and (value.offsets[0] != 0 or value.offsets[-1] != len(values)):
            yield f"{field.name}: rows end at {int(value.offsets[-1]):,} of {len(values):,} values"
        if len(value) != len(columns):
            yield f"{field.name}: {len(value):,} rows where there are {len(columns):,}"
        if field.name in ITEMS and not _inside(values, n_items):
            yield f"{field.name}: an item beyond the {n_items:,} that are there"
        if field.name == "user" and not _inside(values, n_users):
            yield f"user: one beyond the {n_users:,} that are there"


def _within(rows: Slices) -> bool:
    return not len(rows) or (int(rows.begin.min()) >= 0 and int(rows.end.max()) <= len(rows.source))


def _inside(values: Any, count: int) -> bool:
    return not len(values) or (int(np.min(values)) >= 0 and int(np.max(values)) < count)
