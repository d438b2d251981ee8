"""From what a reader gave to training, validation and test."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from distill_rec.data.click_log import ClickLog
from distill_rec.data.emptiness import require_parts
from distill_rec.data.events import Events
from distill_rec.data.filters import enough, first_clicks
from distill_rec.data.impressions import DAY, from_frame, split_given, split_sessions
from distill_rec.data.log import Log
from distill_rec.data.parts import Parts, cut_times, parts_of
from distill_rec.data.splits import draw_new, split_clicks
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import DataError, RecipeError


@dataclass(frozen=True)
class Divided:
    """A log in its parts.

    Attributes:
        kind: "clicks" or "impressions"; the parts are of the types that `Dataset` has for it.
        new: bool `[n_items]`, items kept out of training.
        users: ids; their place is the user's index.
        rows_of_user: int64 `[n_users]`.
        clicks: how many of the rows are clicks.
        times: of all rows; empty where the log has an order only.
        log: the clicks, once.
        repeated: share of the test's targets that their user had clicked before; None for impressions.
    """

    kind: str
    train: Any
    validation: Any
    test: Any
    test_new: Any
    new: NDArray[np.bool_]
    users: pl.Series
    rows_of_user: NDArray[np.int64]
    clicks: int
    times: NDArray[np.int64]
    log: ClickLog | None = None
    repeated: float | None = None


def divide(log: Log, section: DataSection, item: pl.Series) -> Divided:
    """Filter and split; the log's frame of clicks is let go.

    Args:
        item: ids of the catalogue; their place is the item's index.

    Raises:
        RecipeError: settings contradict each other or the data.
        DataError: a part would be empty.
    """
    if log.impressions is not None:
        return _given(log.impressions, section, item)
    _require_clicks(section, log.timed)
    events, parts, users = _cut(log, section, item)
    if len(events) == 0 or not events.positive.any():
        raise DataError("clicks", "no click is left", "clicks", "Look at data.min_rating and the minimum clicks.")
    _mend_single(events, len(users), log, users)
    new = np.zeros(len(item), np.bool_)
    test_new = None
    if section.read_as == "impressions":
        split: Any = split_sessions(events, parts, section, len(users))
    else:
        new = draw_new(np.bincount(events.item[events.positive], minlength=len(item)), section)
        split = split_clicks(events, parts, new, section, len(users), log.timed)
        test_new = split.test_new
    counted = events.time if section.newest_from is None else events.time[events.time >= section.newest_from]
    require_parts(split.train, split.validation, split.test, section, parts.cuts, counted)
    return Divided(
        section.read_as,
        split.train,
        split.validation,
        split.test,
        test_new,
        new,
        users,
        np.bincount(events.user, minlength=len(users)),
        int(events.positive.sum()),
        events.time if log.timed else np.empty(0, np.int64),
        split.log,
        getattr(split, "repeated", None),
    )


def _require_clicks(section: DataSection, timed: bool) -> None:
    """Whether a log of clicks can be split as the section says."""
    if section.split == "given":
        raise RecipeError("data.split", "'given', but the data has no test of its own", "time or leave-last-out")
    if section.split == "time" and not timed:
        raise RecipeError("data.split", "'time', but the data has no times", "leave-last-out")
    if section.test_share + section.validation_share >= 1:
        raise RecipeError("data.test_share", "with validation_share all of the data", "a sum below 1")
    if section.read_as == "impressions" and section.new_items:
        raise RecipeError("data.new_items", "set, with read_as = 'impressions'", "0, or read_as = 'clicks'")


def _cut(log: Log, section: DataSection, item: pl.Series) -> tuple[Events, Parts, pl.Series]:
    """Rows that the filters leave, the part of each, and the users that are left."""
    assert log.clicks is not None
    # In order of time, so that a stable sort by user leaves each user's rows in theirs.
    frame = log.clicks.sort("time", maintain_order=True)
    log.clicks = None  # its text is the larger part of the memory
    users = frame["user_id"].unique(maintain_order=True)
    events = _events(frame, users, item)
    del frame
    if not len(events):
        return events, Parts(np.empty(0, np.int8), None, None), users
    # Before any row is left out: how many are left depends on those after the cuts too.
    cuts = cut_times(events.time, section.test_share, section.validation_share, section.newest_from)
    if section.repeats == "first":
        events = events.where(first_clicks(events))
    parts = parts_of(events, section, len(users), cuts)
    kept = enough(events, parts.of_row, section)
    if kept.all():
        return events, parts, users
    present, number = np.unique(events.user[kept], return_inverse=True)
    events = events.where(kept)
    renumbered = replace(events, user=number.astype(np.int32))
    return renumbered, parts.where(kept), users[present]


def _events(frame: pl.DataFrame, users: pl.Series, item: pl.Series) -> Events:
    user = frame["user_id"].replace_strict(users, np.arange(len(users)), return_dtype=pl.Int32).to_numpy()
    items = frame["item_id"].replace_strict(item, np.arange(len(item)), return_dtype=pl.Int32).to_numpy()
    order = np.argsort(user, kind="stable")
    positive, weight = frame["positive"].to_numpy(), frame["weight"].to_numpy()
    rating = frame["rating"].to_numpy()[order] if "rating" in frame.columns else None
    return Events(user[order], items[order], frame["time"].to_numpy()[order], positive[order], weight[order], rating)


def _mend_single(events: Events, n_users: int, log: Log, users: pl.Series) -> None:
    counts = np.bincount(events.user[events.positive], minlength=n_users)
    single = np.flatnonzero(counts == 1)
    log.faults.mend("a user with one click", "user", [str(users[int(user)]) for user in single])  # type: ignore[misc]


def _given(impressions: dict[str, pl.DataFrame], section: DataSection, item: pl.Series) -> Divided:
    """Impressions of a file, which has a test of its own."""
    if "test" not in impressions:
        raise RecipeError("data.test", "not given", "the folder of the test behaviours (MIND's dev)")
    if section.new_items:
        raise RecipeError("data.new_items", "set, for a log of impressions", "0: new items are in the test already")
    require_two_days(impressions["train"])
    both = pl.concat([impressions["train"]["user_id"], impressions["test"]["user_id"]])
    users = both.unique(maintain_order=True)
    train, test = (from_frame(impressions[part], users, item, section.max_history) for part in ("train", "test"))
    split = split_given(train, test)
    times = np.concatenate([train.time, test.time])
    shown = np.bincount(
        np.concatenate([train.user, test.user]),
        weights=np.concatenate([train.candidates.lengths, test.candidates.lengths]),
        minlength=len(users),
    ).astype(np.int64)
    require_parts(split.train, split.validation, split.test, section, None, times)
    clicks = int(train.labels.values.sum()) + int(test.labels.values.sum())
    new = np.zeros(len(item), np.bool_)
    return Divided("impressions", split.train, split.validation, split.test, None, new, users, shown, clicks, times)


def require_two_days(train: pl.DataFrame) -> None:
    """Raise a DataError where the last day of the training impressions would be all of them."""
    days = train["time"] // DAY
    if len(days) == 0 or days.min() == days.max():
        raise DataError("the train folder", "impressions of one day", "two days: the last one is the validation")
