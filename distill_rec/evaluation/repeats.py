"""The repeat term in an evaluation: what a model adds to the scores of items that stand in the history."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from distill_rec.artifact.repeat import buckets_at, repeated
from distill_rec.data.ragged import Ragged
from distill_rec.evaluation.scorer import Floats, Scorer


def add_to_catalogue(scorer: Scorer, history: Ragged, scores: Floats, number: NDArray[np.int64] | None = None) -> None:
    """Add the term to scores of the whole catalogue, in place.

    Args:
        history: rows that the scores are of.
        scores: `[n_rows, n_items]`.
        number: `[n_items]`, the column of each item where not all have one; -1 for those without.
    """
    if scorer.repeat is None:
        return
    row, item, bucket = repeated(history.values, history.offsets)
    if number is not None:
        item = number[item]
        row, item, bucket = row[item >= 0], item[item >= 0], bucket[item >= 0]
    scores[row, item] += scorer.repeat[bucket]


def add_to_candidates(
    scorer: Scorer, history: Ragged, row: NDArray[np.int64], items: NDArray[np.int64], scores: Floats
) -> None:
    """Add the term to the scores `[m]` of items for rows of the history, in place."""
    if scorer.repeat is not None:
        numbers = np.append(scorer.repeat, np.float32(0))
        scores += numbers[buckets_at(history.values, history.offsets, row, items)]
