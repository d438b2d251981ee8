"""What a model adds to its scores beside v·u: the repeat term, of items of the history, and the transition term."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from distill_rec.artifact.repeat import buckets_at, repeated
from distill_rec.artifact.transition import TransitionTerm
from distill_rec.data.ragged import Ragged

Floats = NDArray[np.float32]

Indices = NDArray[np.int64]


def add_to_catalogue(
    repeat: Floats | None,
    history: Ragged,
    scores: Floats,
    number: Indices | None = None,
    transitions: TransitionTerm | None = None,
) -> None:
    """Add the terms to scores of the whole catalogue, in place.

    Args:
        repeat: numbers `[BUCKETS]` of the repeat term; none where None.
        history: rows that the scores are of, as they are read: cut to the most recent clicks.
        scores: `[n_rows, n_items]`.
        number: `[n_items]`, the column of each item where not all have one; -1 for those without.
        transitions: none where None.
    """
    if repeat is not None:
        row, item, bucket = repeated(history.values, history.offsets)
        _add(scores, row, item, repeat[bucket], number)
    if transitions is not None:
        _add(scores, *transitions.added(history.values, np.asarray(history.offsets)), number)


def _add(scores: Floats, row: Indices, item: Indices, numbers: Floats, number: Indices | None) -> None:
    if number is not None:
        item = number[item]
        row, item, numbers = row[item >= 0], item[item >= 0], numbers[item >= 0]
    scores[row, item] += numbers


def add_to_candidates(  # noqa: PLR0913
    repeat: Floats | None,
    history: Ragged,
    row: Indices,
    items: Indices,
    scores: Floats,
    transitions: TransitionTerm | None = None,
) -> None:
    """The same for scores `[m]` of items for rows of the history."""
    if repeat is not None:
        numbers = np.append(repeat, np.float32(0))
        scores += numbers[buckets_at(history.values, history.offsets, row, items)]
    if transitions is not None:
        scores += transitions.at(history.values, np.asarray(history.offsets), row, items)
