"""Training clicks and queries of a log: places in it; new items kept out whole."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.click_log import ClickLog
from distill_rec.data.dataset import Queries, Sequences
from distill_rec.data.events import Events, Indexed, Indices
from distill_rec.data.filters import last_clicks, latest
from distill_rec.data.parts import TEST, TRAIN, VALIDATION, Parts
from distill_rec.data.ragged import Ragged
from distill_rec.data.slices import Rows
from distill_rec.recipe import DataSection


@dataclass(frozen=True)
class Split:
    """Parts of a log of clicks.

    Attributes:
        test_new: None where no items were kept out.
        repeated: share of the test's targets that their user had clicked before; None for an empty test.
    """

    log: ClickLog
    train: Sequences
    validation: Queries
    test: Queries
    test_new: Queries | None
    repeated: float | None

    @property
    def queries(self) -> tuple[Queries, Queries, Queries | None]:
        return self.validation, self.test, self.test_new


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


class _Splitter:
    """Queries of one log.

    Args:
        seen: its rows, those that are no clicks too.
    """

    def __init__(self, seen: Events, section: DataSection, n_users: int) -> None:
        self.seen, self.section = seen, section
        self.indexed = Indexed.of(seen, n_users)
        self.log = self.indexed.log

    def history(self, user: NDArray[np.int32], row: Indices) -> Rows:
        """What was clicked before the given rows of the log."""
        return histories(self.indexed, user, row, self.section)

    def repeated(self, asked: Events) -> float | None:
        """Share of the given clicks whose item their user had clicked strictly before; None where there are none."""
        if not len(asked):
            return None
        clicks = self.seen.where(self.seen.positive)
        pairs, first = np.unique(clicks.pairs(), return_index=True)
        end = self.indexed.clicks_before[self.seen.before(asked.user, asked.time)]
        return float((first[np.searchsorted(pairs, asked.pairs())] < end).mean())

    def queries(self, asked: Events) -> Queries:
        """Each of the given rows as a query: history and seen items strictly before it."""
        row = self.seen.before(asked.user, asked.time)
        seen = self.log.rows("seen", asked.user, self.indexed.seen_before[row], self.section.max_history)
        return Queries(asked.user, asked.time, asked.item, self.history(asked.user, row), seen)


def histories(indexed: Indexed, user: NDArray[np.int32], row: Indices, section: DataSection) -> Rows:
    """What the given users had clicked before the given rows of a log."""
    end = indexed.clicks_before[row]
    if section.repeats == "last":
        return latest(indexed.log, user, end, section.max_history)
    return indexed.log.rows("history", user, end, section.max_history)


def split_clicks(  # noqa: PLR0913
    events: Events, parts: Parts, new: NDArray[np.bool_], section: DataSection, n_users: int, timed: bool
) -> Split:
    """Split a log.

    Args:
        events: all rows; those that are no clicks were seen all the same.
        parts: of its rows.
        new: bool `[n_items]`, items that leave training, histories, validation and test.
        timed: times are real; they decide which new items' clicks are targets.
    """
    old = ~new[events.item]
    splitter = _Splitter(events.where(old), section, n_users)
    kept = old & events.positive
    if section.repeats == "last":
        kept &= last_clicks(events, parts.of_row)
    test_new = None
    if new.any():
        # The user's first, as far as it could be asked: targets before the cut would be training times.
        asked = ~old & events.positive & (True if parts.cuts is None else events.time >= parts.cuts[1])
        novel = events.where(asked)
        first = np.zeros(len(novel), np.bool_)
        first[np.unique(novel.user, return_index=True)[1]] = True
        test_new = splitter.queries(novel.where(first))
    train, test = (events.where(kept & (parts.of_row == part)) for part in (TRAIN, TEST))
    found = Split(
        splitter.log,
        _apart(train, n_users) if section.repeats == "last" else _sequences(splitter.log, train, n_users),
        splitter.queries(events.where(kept & (parts.of_row == VALIDATION))),
        splitter.queries(test),
        test_new,
        splitter.repeated(test),
    )
    return found if timed else _without_times(found)


def _without_times(split: Split) -> Split:
    """Queries of a log that has an order only: no time."""
    queries = (None if part is None else replace(part, time=np.zeros_like(part.time)) for part in split.queries)
    validation, test, test_new = queries
    assert validation is not None
    assert test is not None
    return replace(split, validation=validation, test=test, test_new=test_new)


def _sequences(log: ClickLog, train: Events, n_users: int) -> Sequences:
    """Training clicks of the users that have some: the log's first ones of each."""
    counts = np.bincount(train.user, minlength=n_users)
    user = np.flatnonzero(counts).astype(np.int32)
    end = log.offsets[user] + counts[user]
    items, times, weights = (log.rows(field, user, end, 0) for field in ("items", "times", "weights"))
    return Sequences(user, items, times, weights)


def _apart(train: Events, n_users: int) -> Sequences:
    """The same where clicks were left out, so that they are no slice of the log."""
    offsets = train.user_offsets(n_users)
    present = np.flatnonzero(np.diff(offsets) > 0)
    ends = np.append(offsets[present], offsets[-1]).astype(np.int64)
    items, times, weights = (Ragged(column, ends) for column in (train.item, train.time, train.weight))
    return Sequences(present.astype(np.int32), items, times, weights)
