"""Splits of a log of clicks: by global cut times, or the last of each user; new items kept out whole."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.dataset import Queries, Sequences
from distill_rec.data.events import Events, Indices, slices, slices_without
from distill_rec.data.ragged import Ragged
from distill_rec.recipe import DataSection

TRAIN, VALIDATION, TEST = 0, 1, 2


@dataclass(frozen=True)
class Split:
    """Parts of a log of clicks; `test_new` is None where no items were kept out."""

    train: Sequences
    validation: Queries
    test: Queries
    test_new: Queries | None

    @property
    def queries(self) -> tuple[Queries, Queries, Queries | None]:
        return self.validation, self.test, self.test_new


def cut_times(time: NDArray[np.int64], section: DataSection) -> tuple[int, int]:
    """Seconds from which on rows are validation and test: shares of all rows, in order of time."""
    ordered = np.sort(time)
    test = round(len(ordered) * (1 - section.test_share))
    validation = round(len(ordered) * (1 - section.test_share - section.validation_share))
    return int(ordered[min(validation, len(ordered) - 1)]), int(ordered[min(test, len(ordered) - 1)])


def draw_new(clicks_of_item: NDArray[np.int64], section: DataSection) -> NDArray[np.bool_]:
    """A share of the items, one at random of each group of items alike in popularity: a tenth is one of ten."""
    new = np.zeros(len(clicks_of_item), np.bool_)
    if section.new_items == 0:
        return new
    generator = np.random.default_rng(section.seed)
    order = generator.permutation(len(new))
    order = order[np.argsort(clicks_of_item[order], kind="stable")]
    for stratum in np.array_split(order, max(1, round(len(new) * section.new_items))):
        new[generator.choice(stratum)] = True
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
    exclude = slices_without(seen.item, *seen.before(user, time, n_users), target)
    return Queries(user, time, target, history, exclude)


def split_clicks(events: Events, new: NDArray[np.bool_], section: DataSection, n_users: int, timed: bool) -> Split:
    """Split a log.

    Args:
        events: all rows; those that are no clicks were seen all the same.
        new: bool `[n_items]`, items that leave training, histories, validation and test.
        timed: times are real; they decide the cuts and which new items' clicks are targets.
    """
    old = ~new[events.item]
    seen = events.where(old)
    clicks = seen.where(seen.positive)
    by_time = section.split == "time"
    begins, ends = cut_times(events.time, section) if by_time else (0, 0)
    if by_time:
        part = (events.time >= begins).astype(np.int8) + (events.time >= ends)
    else:
        part = _leave_last_out(events, n_users)
    part = part[old & events.positive]
    test_new = None
    if new.any():
        # The user's first, as far as it could be asked: targets before the cut would be training times.
        novel = events.where(~old & events.positive & (events.time >= ends if by_time else True))
        user, first = np.unique(novel.user, return_index=True)
        target = (user, novel.time[first], novel.item[first])
        test_new = _queries(clicks, seen, *target, section.max_history, n_users)
    parts = Split(
        sequences(clicks.where(part == TRAIN), n_users),
        queries(clicks, seen, np.flatnonzero(part == VALIDATION), section.max_history, n_users),
        queries(clicks, seen, np.flatnonzero(part == TEST), section.max_history, n_users),
        test_new,
    )
    return parts if timed else _without_times(parts)


def _without_times(split: Split) -> Split:
    """Queries of a log that has an order only: no time."""
    queries = (None if part is None else replace(part, time=np.zeros_like(part.time)) for part in split.queries)
    validation, test, test_new = queries
    assert validation is not None
    assert test is not None
    return Split(split.train, validation, test, test_new)


def _leave_last_out(events: Events, n_users: int) -> NDArray[np.int8]:
    """Part of each row: a user's last click is the test (of two or more), the one before validation (of three or more).

    New items count: a target that is one is left out, and not replaced by an earlier click.
    """
    rows = np.flatnonzero(events.positive)
    offsets = events.where(events.positive).user_offsets(n_users)
    lengths = np.diff(offsets)
    part = np.full(len(events), TRAIN, np.int8)
    part[rows[offsets[1:][lengths >= 2] - 1]] = TEST
    part[rows[offsets[1:][lengths >= 3] - 2]] = VALIDATION
    return part


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
