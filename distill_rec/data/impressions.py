"""Impressions: those of a file as indices, or what a user rated in one session, labelled by its ratings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from distill_rec.data.dataset import Impressions
from distill_rec.data.events import Events, slices
from distill_rec.data.ragged import Ragged
from distill_rec.data.splits import cut_times
from distill_rec.recipe import DataSection

DAY = 86400


@dataclass(frozen=True)
class ImpressionSplit:
    """Parts of a log of impressions."""

    train: Impressions
    validation: Impressions
    test: Impressions


def from_frame(frame: pl.DataFrame, user: pl.Series, item: pl.Series, max_history: int) -> Impressions:
    """Impressions of a reader's frame, ids replaced by their place in `user` and `item`."""
    histories = _ragged(frame["history"], item)
    begin = np.maximum(histories.offsets[:-1], histories.offsets[1:] - max_history)
    labels = frame["labels"]
    return Impressions(
        frame["user_id"].replace_strict(user, np.arange(len(user)), return_dtype=pl.Int32).to_numpy(),
        frame["time"].to_numpy(),
        slices(histories.values, begin, histories.offsets[1:]),
        _ragged(frame["candidates"], item),
        Ragged(_explode(labels).cast(pl.Int8).to_numpy(), _offsets(labels)),
    )


def _explode(lists: pl.Series) -> pl.Series:
    return lists.explode(keep_nulls=False, empty_as_null=False)


def _offsets(lists: pl.Series) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lists.list.len().to_numpy())]).astype(np.int64)


def _ragged(lists: pl.Series, item: pl.Series) -> Ragged:
    values = _explode(lists).replace_strict(item, np.arange(len(item)), return_dtype=pl.Int32)
    return Ragged(values.to_numpy().astype(np.int32), _offsets(lists))


def split_given(train: Impressions, test: Impressions) -> ImpressionSplit:
    """A test of its own; validation is the last day of train."""
    last = int(train.time.max() // DAY)
    day = train.time // DAY
    return ImpressionSplit(
        _useful(train.take(np.flatnonzero(day < last))), train.take(np.flatnonzero(day == last)), test
    )


def _useful(impressions: Impressions) -> Impressions:
    """Those with a click and a candidate that was not clicked; others teach nothing."""
    row = np.repeat(np.arange(len(impressions)), impressions.labels.lengths)
    clicks = np.bincount(row, weights=impressions.labels.values, minlength=len(impressions))
    return impressions.take(np.flatnonzero((clicks > 0) & (clicks < impressions.labels.lengths)))


def split_sessions(events: Events, section: DataSection, n_users: int) -> ImpressionSplit:
    """Sessions of a log of ratings as impressions, split by the time that a session ends.

    A session ends after `session_minutes` without a row. An item that was rated twice in it counts once, with its
    last rating.
    """
    gap = section.session_minutes * 60
    new = np.ones(len(events), np.bool_)
    new[1:] = (events.user[1:] != events.user[:-1]) | (events.time[1:] - events.time[:-1] > gap)
    session = np.cumsum(new) - 1
    # The last row of each (session, item) stands for it.
    key = session.astype(np.int64) * (int(events.item.max(initial=0)) + 1) + events.item
    _, place = np.unique(key[::-1], return_index=True)
    kept = np.sort(len(events) - 1 - place)
    starts = np.flatnonzero(new)
    ends = np.append(starts[1:], len(events)) - 1
    counts = np.bincount(session[kept], minlength=len(starts))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    clicks = events.where(events.positive)
    begin, end = clicks.before(events.user[starts], events.time[starts], n_users)
    whole = Impressions(
        events.user[starts],
        events.time[starts],
        slices(clicks.item, np.maximum(begin, end - section.max_history), end),
        Ragged(events.item[kept], offsets),
        Ragged(events.positive[kept].astype(np.int8), offsets),
    )
    first, second = cut_times(events.time, section)
    finished = events.time[ends]
    return ImpressionSplit(
        _useful(whole.take(np.flatnonzero(finished < first))),
        whole.take(np.flatnonzero((finished >= first) & (finished < second))),
        whole.take(np.flatnonzero(finished >= second)),
    )
