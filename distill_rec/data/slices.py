"""Rows that are places in one flat array: what they hold is read when it is asked for, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distill_rec.data.ragged import Ragged


@dataclass(frozen=True)
class Slices:
    """Row r is `source[begin[r]:end[r]]`. Rows may overlap, so that all of them together outgrow the memory.

    Attributes:
        source: shared by many rows, a log's for example.
        begin, end: int64 `[n_rows]`.
    """

    source: NDArray[Any]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.end)

    def __getitem__(self, row: int) -> NDArray[Any]:
        return self.source[self.begin[row] : self.end[row]]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self[row] for row in range(len(self)))

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.asarray(self.end - self.begin)

    def take(self, rows: ArrayLike) -> Ragged:
        """The given rows, in the given order, copied."""
        chosen = np.asarray(rows, dtype=np.int64)
        begin = self.begin[chosen]
        lengths = self.end[chosen] - begin
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        place = np.arange(offsets[-1]) + np.repeat(begin - offsets[:-1], lengths)
        return Ragged(np.asarray(self.source[place]), offsets)

    def subset(self, rows: ArrayLike) -> Slices:
        """The given rows, as places still."""
        chosen = np.asarray(rows, dtype=np.int64)
        return Slices(self.source, np.asarray(self.begin[chosen]), np.asarray(self.end[chosen]))


Rows = Ragged | Slices
"""Rows of different lengths: stored one after the other, or as places in a log."""


def whole(rows: Rows) -> Ragged:
    """All rows, one after the other. For rows that do not overlap: their sum is bounded by what they are slices of."""
    return rows if isinstance(rows, Ragged) else rows.take(np.arange(len(rows)))
