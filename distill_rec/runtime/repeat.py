"""The repeat term of a model: its numbers at the rows of a catalogue."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from distill_rec.artifact.repeat import buckets_at
from distill_rec.artifact.stored import Floats


class RepeatTerm:
    """What a score gets for an item of the history.

    Args:
        numbers: float32 `[BUCKETS]`.
    """

    def __init__(self, numbers: Floats) -> None:
        self.numbers = numbers
        self._padded = np.append(numbers, np.float32(0)).astype(np.float32)

    def of(self, history: NDArray[np.int64], rows: NDArray[np.int64]) -> Floats:
        """What each of these rows gets, `[n]`; zero for those that do not stand in the history.

        Args:
            history: rows of the clicks that are read, oldest first.
        """
        ends = np.array([0, len(history)])
        return self._padded[buckets_at(history, ends, np.zeros(len(rows), dtype=np.int64), rows)]
