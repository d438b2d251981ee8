"""Which items followed which in the training clicks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.dataset import Dataset, Impressions, Sequences
from distill_rec.data.ragged import Ragged
from distill_rec.data.slices import whole

Items = NDArray[Any]


@dataclass(frozen=True)
class Followers:
    """For each item the clicks that came next, one entry for each time, so that a draw among them is by frequency.

    Attributes:
        starts: int64 `[n_items + 1]`, where each item's begin.
        after: int32 `[n]`.
    """

    starts: NDArray[np.int64]
    after: NDArray[np.int32]

    @staticmethod
    def of(dataset: Dataset) -> Followers:
        """Those of the training clicks; an item without a training click follows none."""
        clicks = _clicks(dataset.train)
        before, after = clicks.values[:-1], clicks.values[1:]
        within = np.ones(max(len(clicks.values) - 1, 0), dtype=np.bool_)
        ends = clicks.offsets[1:-1]
        within[ends[(ends > 0) & (ends < len(clicks.values))] - 1] = False
        kept = within & (before != after) & dataset.warm[after]
        before, after = before[kept], after[kept]
        order = np.argsort(before, kind="stable")
        starts = np.searchsorted(before[order], np.arange(dataset.n_items + 1))
        return Followers(starts.astype(np.int64), after[order].astype(np.int32))

    def draw(self, items: Items, generator: np.random.Generator) -> Items:
        """One that followed each of the items; the item itself where none did."""
        begin, count = self.starts[items], self.starts[items + 1] - self.starts[items]
        place = begin + (generator.random(len(items)) * count).astype(np.int64)
        out = items.copy()
        out[count > 0] = self.after[place[count > 0]]
        return out


def _clicks(train: Sequences | Impressions) -> Ragged:
    """Each user's training clicks; of impressions the last history of each, which holds those before."""
    if isinstance(train, Sequences):
        return whole(train.items)
    user = np.asarray(train.user)
    order = np.lexsort((np.asarray(train.time), user))
    last = order[np.flatnonzero(np.diff(user[order], append=-1))]
    return train.history.take(last)
