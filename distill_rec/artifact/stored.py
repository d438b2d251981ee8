"""Vectors as an artifact stores them: float32, float16, or int8 with a scale per row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
BLOCK = 4096
"""Rows that are made float32 at once: 1 MB at 64 dimensions, which stays in cache."""


@dataclass(frozen=True)
class Stored:
    """Rows `[n, dim]` of one precision.

    Attributes:
        values: float32, float16 or int8.
        scales: float32 `[n]`, of int8 rows; None for the others.
    """

    values: NDArray[Any]
    scales: Floats | None = None

    def __len__(self) -> int:
        return len(self.values)

    def rows(self, index: Any) -> Floats:
        """float32 `[m, dim]`; the rows of a slice that are float32 already are not copied."""
        found = self.values[index]
        if found.dtype == np.float32:
            return np.asarray(found)
        wide: Floats = found.astype(np.float32)
        return wide if self.scales is None else np.asarray(wide * self.scales[index, None], dtype=np.float32)

    def first(self, dim: int) -> Stored:
        """The first `dim` numbers of each row, as rows of their own."""
        return Stored(np.ascontiguousarray(self.values[:, :dim]), self.scales)

    def blocks(self) -> Iterator[tuple[slice, Floats]]:
        for start in range(0, len(self), BLOCK):
            part = slice(start, min(start + BLOCK, len(self)))
            yield part, self.rows(part)

    def scores(self, users: Floats) -> Floats:
        """`[m, n]` of users `[m, dim]`."""
        if self.values.dtype == np.float32:
            return np.asarray(users @ self.values.T, dtype=np.float32)
        out = np.empty((len(users), len(self)), dtype=np.float32)
        for part, rows in self.blocks():
            np.matmul(users, rows.T, out=out[:, part])
        return out


def store(vectors: Floats, precision: str) -> Stored:
    """Round vectors `[n, dim]` to a precision; int8 has one scale per row, its largest value over 127."""
    if precision == "fp32":
        return Stored(np.ascontiguousarray(vectors, dtype=np.float32))
    if precision == "fp16":
        return Stored(vectors.astype(np.float16))
    scales = (np.abs(vectors).max(axis=1, initial=0.0) / 127).astype(np.float32)
    safe = np.maximum(scales, np.float32(1e-30))[:, None]
    return Stored(np.rint(vectors / safe).astype(np.int8), scales)
