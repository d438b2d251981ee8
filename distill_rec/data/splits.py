"""Splits of a log of clicks: by global cut times, or the last of each user; new items kept out whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.dataset import Queries, Sequences
from distill_rec.data.events import Events, Indices, slices, without
from distill_rec.data.ragged import Ragged
from distill_rec.recipe import DataSection


@dataclass(frozen=True)
class Split:
    """Parts of a log of clicks; `test_new` is None where no items were kept out."""

    train: Sequences
    validation: Queries
    test: Queries
    test_new: Queries | None


def cut_times(time: NDArray[np.int64], section: DataSection) -> tuple[int, int]:
    """Seconds from which on rows are validation and test: shares of all rows, in order of time."""
    ordered = np.sort(time)
    test = int(len(ordered) * (1 - section.test_share))
    validation = int(len(ordered) * (1 - section.test_share - section.validation_share))
    return int(ordered[min(validation, len(ordered) - 1)]), int(ordered[min(test, len(ordered) - 1)])


def draw_new(clicks_of_item: NDArray[np.int64], section: DataSection) -> NDArray[np.bool_]:
    """A share of the items, drawn at random within tenths of popularity."""
    new = np.zeros(len(clicks_of_item), np.bool_)
    if section.new_items == 0:
        return new
    generator = np.random.default_rng(section.seed)
    order = generator.permutation(len(new))
    order = order[np.argsort(clicks_of_item[order], kind="stable")]
    for stratum in np.array_split(order, 10):
        new[generator.permutation(stratum)[: round(len(stratum) * section.new_items)]] = True
    return new


def queries(clicks: Events, seen: Events, rows: Indices, max_history: int, n_users: int) -> Queries:
    """Each of the given clicks as a query: history and exclusions strictly before it."""
    user, time, target = clicks.user[rows], clicks.time[rows], clicks.item[rows]
    return _queries(clicks, seen, user, time, target, max_history, n_users)


def _queries(  # noqa: PLR0913
    clicks: Events,
    seen: Events,
    user: NDArray[np.int32],
    time: NDArray[np.int64],
    target: NDArray[np.int32],
    max_history: int,
    n_users: int,
) -> Queries:
    begin, end = clicks.before(user, time, n_users)
    history = slices(clicks.item, np.maximum(begin, end - max_history), end)
    exclude = without(slices(seen.item, *seen.before(user, time, n_users)), target)
    return Queries(user, time, target, history, exclude)


def split_clicks(events: Events, new: NDArray[np.bool_], section: DataSection, n_users: int, timed: bool) -> Split:
    """Split a log.

    Args:
        events: all rows; those that are no clicks were seen all the same.
        new: bool `[n_items]`, items that leave training, histories, validation and test.
        timed: times are real; they decide the cuts and which new items' clicks are targets.
    """
    seen = events.where(~new[events.item])
    clicks = seen.where(seen.positive)
    by_time = section.split == "time"
    if by_time:
        begins, ends = cut_times(events.time, section)
        rows = np.arange(len(clicks))
        parts = (
            clicks.time < begins,
            rows[(clicks.time >= begins) & (clicks.time < ends)],
            rows[clicks.time >= ends],
        )
    else:
        ends = 0
        parts = _leave_last_out(clicks, n_users)
    in_train, validation, test = parts
    test_new = None
    if new.any():
        novel = events.where(new[events.item] & events.positive & (events.time >= ends if by_time else True))
        user, first = np.unique(novel.user, return_index=True)
        test_new = _queries(
            clicks, seen, user, novel.time[first], novel.item[first], section.max_history, n_users
        )
    return Split(
        sequences(clicks.where(in_train), n_users),
        queries(clicks, seen, validation, section.max_history, n_users),
        queries(clicks, seen, test, section.max_history, n_users),
        test_new,
    )


def _leave_last_out(clicks: Events, n_users: int) -> tuple[NDArray[np.bool_], Indices, Indices]:
    """The last click of users with two or more is the test, the one before of users with three or more validation."""
    offsets = clicks.user_offsets(n_users)
    lengths = np.diff(offsets)
    test = offsets[1:][lengths >= 2] - 1
    validation = offsets[1:][lengths >= 3] - 2
    train = np.ones(len(clicks), np.bool_)
    train[test] = False
    train[validation] = False
    return train, validation, test


def sequences(clicks: Events, n_users: int) -> Sequences:
    """Training clicks of the users that have some."""
    offsets = clicks.user_offsets(n_users)
    present = np.flatnonzero(np.diff(offsets) > 0)
    ends = np.append(offsets[present], offsets[-1]).astype(np.int64)
    return Sequences(
        present.astype(np.int32),
        Ragged(clicks.item, ends),
        Ragged(clicks.time, ends),
        Ragged(clicks.weight, ends),
    )
