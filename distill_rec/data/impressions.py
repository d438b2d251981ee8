"""Impressions: those of a file as indices, or what a user rated in one session, labelled by its ratings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from distill_rec.data.click_log import ClickLog
from distill_rec.data.dataset import Impressions
from distill_rec.data.events import Events, Indexed
from distill_rec.data.filters import last_clicks
from distill_rec.data.parts import TEST, TRAIN, VALIDATION, Parts
from distill_rec.data.ragged import Ragged
from distill_rec.data.slices import Slices, whole
from distill_rec.data.splits import histories
from distill_rec.recipe import DataSection

DAY = 86400


@dataclass(frozen=True)
class ImpressionSplit:
    """Parts of a log of impressions."""

    train: Impressions
    validation: Impressions
    test: Impressions
    log: ClickLog | None = None


def from_frame(frame: pl.DataFrame, user: pl.Series, item: pl.Series, max_history: int) -> Impressions:
    """Impressions of a reader's frame, ids replaced by their place in `user` and `item`."""
    found = _ragged(frame["history"], item)
    begin = np.maximum(found.offsets[:-1], found.offsets[1:] - max_history)
    labels = frame["labels"]
    return Impressions(
        frame["user_id"].replace_strict(user, np.arange(len(user)), return_dtype=pl.Int32).to_numpy(),
        frame["time"].to_numpy(),
        whole(Slices(found.values, begin, found.offsets[1:])),
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


def split_sessions(events: Events, parts: Parts, section: DataSection, n_users: int) -> ImpressionSplit:
    """Sessions of a log of ratings as impressions.

    An item that was rated twice in a session counts once, with its last rating.
    """
    assert parts.session is not None
    starts = np.flatnonzero(np.diff(parts.session, prepend=-1))
    session = np.cumsum(np.diff(parts.session, prepend=-1) != 0) - 1
    # The last row of each (session, item) stands for it.
    key = session.astype(np.int64) * (int(events.item.max(initial=0)) + 1) + events.item
    _, place = np.unique(key[::-1], return_index=True)
    kept = np.sort(len(events) - 1 - place)
    if section.repeats == "last":
        kept = kept[last_clicks(events, parts.of_row)[kept]]
    offsets = np.concatenate([[0], np.cumsum(np.bincount(session[kept], minlength=len(starts)))]).astype(np.int64)
    indexed, user = Indexed.of(events, n_users), events.user[starts]
    found = Impressions(
        user,
        events.time[starts],
        histories(indexed, user, events.before(user, events.time[starts]), section),
        Ragged(events.item[kept], offsets),
        Ragged(events.positive[kept].astype(np.int8), offsets),
        None if events.rating is None else Ragged(events.rating[kept], offsets),
    )
    part = parts.of_row[starts]
    shown = np.diff(offsets) > 0
    train, validation, test = (found.take(np.flatnonzero((part == one) & shown)) for one in (TRAIN, VALIDATION, TEST))
    return ImpressionSplit(_useful(train), validation, test, indexed.log)
