"""Rows of different lengths in two flat arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distill_rec.files import read_array, write_array


@dataclass(frozen=True)
class Ragged:
    """Row r is `values[offsets[r]:offsets[r + 1]]`.

    Attributes:
        values: all rows, one after the other.
        offsets: int64 `[n_rows + 1]`, from 0 to `len(values)`.
    """

    values: NDArray[Any]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> NDArray[Any]:
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self[row] for row in range(len(self)))

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.offsets)

    def take(self, rows: ArrayLike) -> Ragged:
        """The given rows, in the given order, copied."""
        chosen = np.asarray(rows, dtype=np.int64)
        lengths = self.lengths[chosen]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        positions = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        return Ragged(np.asarray(self.values[positions + np.repeat(self.offsets[chosen], lengths)]), offsets)

    def subset(self, rows: ArrayLike) -> Ragged:
        """The same: rows that are stored one after the other have no other way to be fewer."""
        return self.take(rows)

    def padded(self, fill: int = 0, last: int | None = None) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Rows as `[n_rows, longest]`, padded on the right, and the mask of what is real.

        Args:
            fill: value of the padding.
            last: keep only this many last values of each row.
        """
        lengths = self.lengths if last is None else np.minimum(self.lengths, last)
        width = int(lengths.max(initial=0))
        mask = np.arange(width)[None, :] < lengths[:, None]
        out = np.full((len(self), width), fill, dtype=self.values.dtype)
        starts = self.offsets[1:] - lengths
        positions = (starts[:, None] + np.arange(width)[None, :])[mask]
        out[mask] = self.values[positions]
        return out, mask

    def distinct(self, last: int) -> tuple[Ragged, NDArray[np.int64]]:
        """The distinct rows, cut to their `last` values, and for each row which of them it is.

        Clicks of one moment have the same history, and a log may hold many.
        """
        padded, mask = self.padded(last=last)
        # with its length, because padding is a value too
        table = np.column_stack([mask.sum(1).astype(padded.dtype), padded])
        keys = table.view(np.dtype((np.void, table.dtype.itemsize * table.shape[1]))).ravel()
        _, first, number = np.unique(keys, return_index=True, return_inverse=True)
        kept = mask[first]
        return Ragged(padded[first][kept], np.concatenate([[0], np.cumsum(kept.sum(1))])), number.ravel()

    @staticmethod
    def from_rows(rows: Iterable[ArrayLike], dtype: Any = np.int32) -> Ragged:
        arrays = [np.asarray(row, dtype=dtype) for row in rows]
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in arrays])]).astype(np.int64)
        values = np.concatenate(arrays) if arrays else np.empty(0, dtype=dtype)
        return Ragged(values.astype(dtype, copy=False), offsets)

    def write(self, folder: Path, name: str) -> None:
        write_array(folder / f"{name}.values.npy", self.values)
        write_array(folder / f"{name}.offsets.npy", self.offsets)

    @staticmethod
    def read(folder: Path, name: str) -> Ragged:
        return Ragged(read_array(folder / f"{name}.values.npy"), read_array(folder / f"{name}.offsets.npy"))
