"""The repeat term in an evaluation: what a model adds to the scores of items that stand in the history."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from distill_rec.artifact.repeat import buckets_at, repeated
from distill_rec.data.ragged import Ragged

Floats = NDArray[np.float32]

Indices = NDArray[np.int64]


def add_to_catalogue(repeat: Floats | None, history: Ragged, scores: Floats, number: Indices | None = None) -> None:
    """Add a repeat term to scores of the whole catalogue, in place.

    Args:
        repeat: its numbers `[BUCKETS]`; nothing is done where None.
        history: rows that the scores are of, as they are read: cut to the most recent clicks.
        scores: `[n_rows, n_items]`.
        number: `[n_items]`, the column of each item where not all have one; -1 for those without.
    """
    if repeat is None:
        return
    row, item, bucket = repeated(history.values, history.offsets)
    if number is not None:
        item = number[item]
        row, item, bucket = row[item >= 0], item[item >= 0], bucket[item >= 0]
    scores[row, item] += repeat[bucket]


def add_to_candidates(repeat: Floats | None, history: Ragged, row: Indices, items: Indices, scores: Floats) -> None:
    """The same for scores `[m]` of items for rows of the history."""
    if repeat is not None:
        numbers = np.append(repeat, np.float32(0))
        scores += numbers[buckets_at(history.values, history.offsets, row, items)]
