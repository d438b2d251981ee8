"""A log as arrays, sorted by user and time, and the slices of it that lie strictly before a moment."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.ragged import Ragged

Indices = NDArray[np.int64]
BLOCK = 1 << 20


@dataclass(frozen=True)
class Events:
    """Rows sorted by user, then time, then file order.

    Attributes:
        user, item: int32. time: int64. positive: bool. weight: float32.
    """

    user: NDArray[np.int32]
    item: NDArray[np.int32]
    time: NDArray[np.int64]
    positive: NDArray[np.bool_]
    weight: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.user)

    def where(self, mask: NDArray[np.bool_]) -> Events:
        return Events(self.user[mask], self.item[mask], self.time[mask], self.positive[mask], self.weight[mask])

    def user_offsets(self, n_users: int) -> Indices:
        """`[n_users + 1]`, where each user's rows begin."""
        return np.searchsorted(self.user, np.arange(n_users + 1)).astype(np.int64)

    def before(self, user: NDArray[np.int32], time: NDArray[np.int64], n_users: int) -> tuple[Indices, Indices]:
        """Begin and end `[n]` of the given users' rows with a time strictly before the given ones."""
        offsets = self.user_offsets(n_users)
        # One sorted key for user and time, so that all searches are one.
        moments, rank = np.unique(np.concatenate([self.time, time]), return_inverse=True)
        key = self.user.astype(np.int64) * (len(moments) + 1) + rank[: len(self)]
        wanted = user.astype(np.int64) * (len(moments) + 1) + rank[len(self) :]
        return offsets[user], np.searchsorted(key, wanted, side="left").astype(np.int64)


def slices(values: NDArray[np.int32], begin: Indices, end: Indices) -> Ragged:
    """Rows `values[begin:end]`."""
    lengths = np.maximum(end - begin, 0)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    place = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths) + np.repeat(begin, lengths)
    return Ragged(values[place], offsets)


def slices_without(values: NDArray[np.int32], begin: Indices, end: Indices, value: NDArray[np.int32]) -> Ragged:
    """Rows `values[begin:end]` without their own `value`, a block of rows at a time: long logs have long rows."""
    lengths = np.maximum(end - begin, 0)
    out = np.empty(int(lengths.sum()), np.int32)
    offsets = np.zeros(len(begin) + 1, np.int64)
    block = np.cumsum(lengths) // BLOCK
    bounds = np.append(np.flatnonzero(np.diff(block, prepend=-1)), len(begin))
    for first, last in pairwise(bounds):
        rows = slices(values, begin[first:last], end[first:last])
        row = np.repeat(np.arange(len(rows)), rows.lengths)
        keep = rows.values != value[first:last][row]
        counts = np.bincount(row[keep], minlength=len(rows))
        offsets[first + 1 : last + 1] = offsets[first] + np.cumsum(counts)
        out[offsets[first] : offsets[last]] = rows.values[keep]
    return Ragged(out[: offsets[-1]], offsets)
