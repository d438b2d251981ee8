"""Choices that a user's own log needs: repeated clicks, minimum clicks. What came later decides nothing earlier."""

from __future__ import annotations

from collections import OrderedDict
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.click_log import ClickLog
from distill_rec.data.events import Events, Indices
from distill_rec.data.parts import TRAIN
from distill_rec.data.ragged import Ragged
from distill_rec.recipe import DataSection


def first_clicks(events: Events) -> NDArray[np.bool_]:
    """Rows without the repeated clicks. Those that are no clicks are kept: the user has seen the item."""
    kept = ~events.positive
    kept[events.positive] = events.where(events.positive).first()
    return kept


def last_clicks(events: Events, part: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Rows without the clicks that are repeated later in their own part: a test click deletes no training click."""
    kept = ~events.positive
    for number in np.unique(part):
        own = events.positive & (part == number)
        kept[own] = events.where(own).last()
    return kept


def latest(log: ClickLog, user: NDArray[np.int32], end: Indices, most: int) -> Ragged:
    """Histories in which each item stands once, where it was clicked last before that moment.

    Args:
        user: `[n]`. end: `[n]`, place in the log's clicks that each history ends before.
        most: items that a history keeps, so that all of them grow with the number of rows.
    """
    rows: list[list[int]] = [[]] * len(user)
    now, place, items = -1, 0, OrderedDict[int, None]()
    for row in np.lexsort((end, user)).tolist():
        if user[row] != now:
            now, items = int(user[row]), OrderedDict()
            place = int(log.offsets[now])
        stop = int(end[row])
        for item in log.item[place:stop].tolist():
            items[item] = None
            items.move_to_end(item)
        place = stop
        rows[row] = list(islice(reversed(items), most))[::-1]
    return Ragged.from_rows(rows)


def enough(events: Events, part: NDArray[np.int8], section: DataSection) -> NDArray[np.bool_]:
    """Rows of items and users that have the minimum of clicks.

    Counted before the validation begins. Where each user's last clicks are validation and test, items are counted
    without these, and users with them: there a user's own clicks decide how long the log is, and nobody else's.
    """
    kept = np.ones(len(events), np.bool_)
    training = events.positive & (part == TRAIN)
    if section.min_item_clicks > 0:
        kept &= _at_least(events.item, training, section.min_item_clicks)
    if section.min_user_clicks > 1:
        own = section.read_as == "clicks" and section.split == "leave-last-out"
        counted = (events.positive if own else training) & kept
        kept &= _at_least(events.user, counted, section.min_user_clicks)
    return kept


def _at_least(key: NDArray[np.int32], counted: NDArray[np.bool_], least: int) -> NDArray[np.bool_]:
    counts = np.bincount(key[counted], minlength=int(key.max(initial=0)) + 1)
    return np.asarray(counts[key] >= least)
