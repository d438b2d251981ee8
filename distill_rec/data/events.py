"""A log as arrays, sorted by user and time, and where in it each moment lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.click_log import ClickLog

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Events:
    """Rows sorted by user, then time, then file order.

    Attributes:
        user, item: int32. time: int64. positive: bool. weight: float32.
        rating: float32; None where nothing reads it.
    """

    user: NDArray[np.int32]
    item: NDArray[np.int32]
    time: NDArray[np.int64]
    positive: NDArray[np.bool_]
    weight: NDArray[np.float32]
    rating: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.user)

    def where(self, mask: NDArray[np.bool_]) -> Events:
        rating = None if self.rating is None else self.rating[mask]
        return Events(self.user[mask], self.item[mask], self.time[mask], self.positive[mask], self.weight[mask], rating)

    def user_offsets(self, n_users: int) -> Indices:
        """`[n_users + 1]`, where each user's rows begin."""
        return np.searchsorted(self.user, np.arange(n_users + 1)).astype(np.int64)

    def before(self, user: NDArray[np.int32], time: NDArray[np.int64]) -> Indices:
        """The given users' first row `[n]` at the given times or later: those before it are strictly earlier."""
        # One sorted key for user and time, so that all searches are one.
        moments, rank = np.unique(np.concatenate([self.time, time]), return_inverse=True)
        key = self.user.astype(np.int64) * (len(moments) + 1) + rank[: len(self)]
        wanted = user.astype(np.int64) * (len(moments) + 1) + rank[len(self) :]
        return np.searchsorted(key, wanted, side="left").astype(np.int64)

    def pairs(self) -> Indices:
        """A number for each row's user and item; the same in every part of a log."""
        return (self.user.astype(np.int64) << 32) + self.item

    def first(self) -> NDArray[np.bool_]:
        """Whether a row is its user's first with its item."""
        out = np.zeros(len(self), np.bool_)
        out[np.unique(self.pairs(), return_index=True)[1]] = True
        return out

    def last(self) -> NDArray[np.bool_]:
        """Whether a row is its user's last with its item."""
        out = np.zeros(len(self), np.bool_)
        out[len(self) - 1 - np.unique(self.pairs()[::-1], return_index=True)[1]] = True
        return out


@dataclass(frozen=True)
class Indexed:
    """Rows as a stored log, and where in its columns each row lies.

    Attributes:
        clicks_before, seen_before: int64 `[n_rows + 1]`, entries of the log's columns that come of the rows before one.
    """

    log: ClickLog
    clicks_before: Indices
    seen_before: Indices

    @staticmethod
    def of(events: Events, n_users: int) -> Indexed:
        first = events.first()
        clicks = events.where(events.positive)
        seen = events.where(first)
        log = ClickLog(
            clicks.user_offsets(n_users), clicks.item, clicks.time, clicks.weight, seen.user_offsets(n_users), seen.item
        )
        return Indexed(log, _before(events.positive), _before(first))


def _before(mask: NDArray[np.bool_]) -> Indices:
    return np.concatenate([[0], np.cumsum(mask)]).astype(np.int64)
