"""The catalogue's vectors: rows that the artifact stores, which stay in their file, and rows added since."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill_rec.artifact.stored import Stored
from distill_rec.runtime.arrays import Floats


@dataclass(frozen=True)
class ItemVectors:
    """The catalogue's vectors: rows of the artifact, which are never copied, and rows added since.

    Attributes:
        base: as loaded.
        extra: float32 `[m, dim]`, added or replaced since; each row of the catalogue has at most one here.
        slot: int64 `[n]`, where the vector of a row is, `len(base)` and above in `extra`; None where row i is at i.
    """

    base: Stored
    extra: Floats
    slot: NDArray[np.int64] | None = None

    @staticmethod
    def of(base: Stored) -> ItemVectors:
        return ItemVectors(base, np.empty((0, base.values.shape[1]), dtype=np.float32))

    def __len__(self) -> int:
        return len(self.base) + len(self.extra) if self.slot is None else len(self.slot)

    @property
    def dim(self) -> int:
        return int(self.base.values.shape[1])

    def __getitem__(self, rows: NDArray[np.int64] | slice) -> Floats:
        """float32 `[m, dim]` of row numbers; a slice of what was never changed is not copied."""
        if isinstance(rows, slice):
            if self.slot is None and not len(self.extra):
                return self.base.rows(rows)
            numbers = np.arange(*rows.indices(len(self)))
            last = int(numbers[-1]) if len(numbers) else -1
            if last < len(self.base) and (self.slot is None or np.array_equal(self.slot[rows], numbers)):
                return self.base.rows(rows)
            rows = numbers
        at = rows if self.slot is None else self.slot[rows]
        if not len(self.extra):
            return self.base.rows(at)
        out = np.empty((len(at), self.dim), dtype=np.float32)
        inside = at < len(self.base)
        out[inside] = self.base.rows(at[inside])
        out[~inside] = self.extra[at[~inside] - len(self.base)]
        return out

    def whole(self) -> Floats:
        """All rows as float32 `[n, dim]`; the stored array itself where that is what it is."""
        if self.slot is None and not len(self.extra):
            return self.base.rows(slice(None))
        return self[np.arange(len(self))]

    def replaced(self, rows: NDArray[np.int64], vectors: Floats) -> ItemVectors:
        """With these rows set, rows beyond the end appended (in order, without a gap).

        A row that was replaced before keeps its place in `extra`, so that updates for ever take no more than the rows
        that they change.

        Args:
            rows: each at most once.
        """
        base, length = len(self.base), max(len(self), int(rows.max(initial=-1)) + 1)
        slot = np.arange(length) if self.slot is None else np.resize(self.slot, length)
        fresh = (rows >= len(self)) | (slot[rows] < base)
        slot[rows[fresh]] = base + len(self.extra) + np.arange(int(fresh.sum()))
        # Copied, because readers in other threads hold the one before.
        extra = np.concatenate([self.extra, np.empty((int(fresh.sum()), self.dim), dtype=np.float32)])
        extra[slot[rows] - base] = vectors
        identity = bool((slot == np.arange(length)).all()) and length == base + len(extra)
        return ItemVectors(self.base, extra, None if identity else slot)
