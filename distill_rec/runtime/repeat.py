"""The repeat term of a model: its numbers at the rows of a catalogue."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from distill_rec.artifact.repeat import bucket_of, buckets_at
from distill_rec.artifact.stored import Floats

COMPARED = 1 << 18
"""Rows times clicks up to which comparing each with each is quicker than sorting."""


class RepeatTerm:
    """What a score gets for an item of the history.

    Args:
        numbers: float32 `[BUCKETS]`.
        max_history: clicks of a history that are read.
    """

    def __init__(self, numbers: Floats, max_history: int) -> None:
        self.numbers = numbers
        self._by_age = numbers[bucket_of(np.arange(max_history))]
        self._by_bucket = np.append(numbers, np.float32(0)).astype(np.float32)

    def of(self, history: NDArray[np.int64], rows: NDArray[np.int64]) -> Floats:
        """What each of these rows gets, `[n]`; zero for those that do not stand in the history.

        Args:
            history: rows of the clicks that are read, oldest first.
        """
        if not len(history) or not len(rows):
            return np.zeros(len(rows), dtype=np.float32)
        if len(history) * len(rows) > COMPARED:
            ends = np.array([0, len(history)])
            return self._by_bucket[buckets_at(history, ends, np.zeros(len(rows), dtype=np.int64), rows)]
        same = rows[:, None] == history[::-1]
        age = same.argmax(1)
        return np.where(same[np.arange(len(rows)), age], self._by_age[age], np.float32(0))
