"""What in a log makes a result worthless, told before anyone trains."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from distill_rec.data.click_log import ClickLog
from distill_rec.data.dataset import Queries

HEAVY, HEAVY_OVER_MEAN = 0.01, 5
SHOWN = 3
REPEATED = 0.1
COME_BACK = (
    'repeat_term = "recency" in [teacher] and [student] learns how soon they come back, and `recommend --seen` '
    "(seen=True) lets what they know into a list"
)
"""What to do where people click again what they know."""
FEW_CANDIDATES, DRAWN = 50, 200
ONE_ITEM = 0.1
ASCENDING, ASCENDING_ROWS = 0.9, 4
TIED = 0.5


@dataclass(frozen=True)
class Caution:
    """A sentence that its reader should weigh.

    Attributes:
        key: of its kind.
        share: of rows, users, items or targets, as the text says.
    """

    key: str
    text: str
    share: float


def heavy_users(rows_of_user: NDArray[np.int64], names: Callable[[int], str]) -> list[Caution]:
    """Users with more than 1 % of the rows, where that is far from the mean: no person, often, but a guest's account.

    Args:
        rows_of_user: `[n_users]`.
        names: a user's id.
    """
    total = int(rows_of_user.sum())
    least = max(HEAVY * total, HEAVY_OVER_MEAN * total / max(len(rows_of_user), 1))
    heavy = np.flatnonzero(rows_of_user > least)
    heavy = heavy[np.argsort(-rows_of_user[heavy], kind="stable")]
    if not len(heavy):
        return []
    first = [f"{names(int(u))!r} with {rows_of_user[u]:,} ({rows_of_user[u] / total:.1%})" for u in heavy[:SHOWN]]
    more = f", and {len(heavy) - SHOWN:,} more" if len(heavy) > SHOWN else ""
    text = (
        f"users with more than {HEAVY:.0%} of all rows: {', '.join(first)}{more}. A guest's account or a machine is "
        "nobody whose taste can be learnt: leave it out where it is one"
    )
    return [Caution("heavy-users", text, float(rows_of_user[heavy].sum() / total))]


def repeated_targets(share: float | None) -> list[Caution]:
    """Targets that stood in their own history."""
    if share is None or share <= REPEATED:
        return []
    text = (
        f"{share:.1%} of the test's targets stood in their own history: people click again what they know, and a "
        f"ranking that leaves seen items out never shows it to them. {COME_BACK}"
    )
    return [Caution("repeated-targets", text, share)]


def few_candidates(test: Queries, n_items: int) -> list[Caution]:
    """Targets that are ranked among few items, because the catalogue is small or most of it was seen before."""
    rows = np.unique(np.linspace(0, len(test) - 1, min(len(test), DRAWN), dtype=np.int64))
    left = [n_items - _distinct(test.seen[row], n_items) for row in rows]
    median = int(np.median(left)) if left else n_items
    if median >= FEW_CANDIDATES:
        return []
    text = (
        f"{median:,} of {n_items:,} items are left to rank for the median test target, as seen items are left out: a "
        "list of ten holds so large a part of them that nDCG@10 and recall hardly tell a good model from a bad one. "
        "Compare with popularity, and trust a test on more items more"
    )
    return [Caution("few-candidates", text, median / n_items)]


def _distinct(seen: NDArray[np.int32], n_items: int) -> int:
    """Different items among them."""
    return int(np.count_nonzero(np.bincount(seen, minlength=n_items)))


def one_item_users(log: ClickLog) -> float:
    """Share of the users with several clicks whose clicks are all on one item."""
    several = np.flatnonzero(np.diff(log.offsets) > 1)
    if not len(several):
        return 0.0
    other = log.item != np.repeat(log.item[np.minimum(log.offsets[:-1], len(log.item) - 1)], np.diff(log.offsets))
    changed = np.add.reduceat(other.astype(np.int64), log.offsets[:-1][several])
    return float((changed == 0).mean())


def ties(log: ClickLog) -> float:
    """Share of neighbouring clicks of a user with equal times."""
    same = _neighbours(log)
    return float((np.diff(log.time) == 0)[same].mean()) if same.any() else 0.0


def _neighbours(log: ClickLog) -> NDArray[np.bool_]:
    """Whether a click and the next `[n_clicks - 1]` are of one user."""
    user = np.repeat(np.arange(len(log.offsets) - 1), np.diff(log.offsets))
    return np.asarray(user[1:] == user[:-1])


def ascending(log: ClickLog, rank: NDArray[np.int64]) -> float:
    """Share of the users with a few clicks on several items whose clicks never fall in an order of the items.

    Args:
        rank: `[n_items]`, each item's place in that order.
    """
    user = np.repeat(np.arange(len(log.offsets) - 1), np.diff(log.offsets))
    place = rank[log.item]
    step, same = np.diff(place), _neighbours(log)
    falls = np.bincount(user[1:][same], weights=step[same] < 0, minlength=len(log.offsets) - 1)
    rises = np.bincount(user[1:][same], weights=step[same] > 0, minlength=len(log.offsets) - 1)
    asked = (np.diff(log.offsets) >= ASCENDING_ROWS) & (rises + falls > 0)
    return float((falls[asked] == 0).mean()) if asked.any() else 0.0


def orders(ids: pl.Series) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Orders of the items that a log may have been sorted by, and each item's place in them."""
    yield "the catalogue's order", np.arange(len(ids))
    yield "the order of the items' ids", ids.rank("ordinal").to_numpy().astype(np.int64)
    numbers = ids.cast(pl.Float64, strict=False)
    if numbers.null_count() == 0:
        yield "the order of the items' ids", numbers.rank("ordinal").to_numpy().astype(np.int64)


def cautions(log: ClickLog, ids: pl.Series, timed: bool) -> list[Caution]:
    """What the order, the times and the users of a log say against it."""
    out, tied, single = [], ties(log) if timed else 0.0, one_item_users(log)
    if not timed:
        text = "the log has no times: that its order is the order of time is your word alone (data.time_column = '')"
        out.append(Caution("order-is-your-word", text, 1.0))
    if tied > TIED:
        text = (
            f"{tied:.1%} of neighbouring clicks of a user have equal times: their order is the file's, and none of "
            "them is in the history of another"
        )
        out.append(Caution("ties", text, tied))
    if not timed or tied > TIED:
        found = max(((ascending(log, rank), name) for name, rank in orders(ids)), default=(0.0, ""))
        if found[0] >= ASCENDING:
            text = (
                f"the clicks of {found[0]:.1%} of the users follow {found[1]}: the log is sorted by item and not by "
                "time, so that 'the last click' means nothing. Give a column of times, or the log in order of time"
            )
            out.append(Caution("order-of-ids", text, found[0]))
    if single > ONE_ITEM:
        text = f"{single:.1%} of the users with several clicks have them on one item: nothing but that item follows"
        out.append(Caution("one-item-users", text, single))
    return out
