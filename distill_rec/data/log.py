"""What every reader gives: items, clicks or impressions, as frames of one shape."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from distill_rec.data.faults import Faults
from distill_rec.data.rows import FILE, LINE, named, places
from distill_rec.runtime.errors import DataError


@dataclass
class Log:
    """An input, read.

    Attributes:
        items: `item_id` (str, unique), the file's own columns, and where each row stands (`__file__`, `__line__`).
        clicks: `user_id`, `item_id` (str), `time` (int64 seconds, or the place in the file where it has no times),
            `positive` (bool), `weight` (float32), in file order, and `rating` (float32) where impressions are made
            of it; None for impressions.
        impressions: by part ("train", "test"): `user_id`, `time`, `history`, `candidates` (lists of str), `labels`
            (lists of int8, null where unlabelled), `line`; None for clicks.
        timed: times are real.
        time_kinds: how many times of each kind.
        faults: what was wrong with rows.
    """

    items: pl.DataFrame
    clicks: pl.DataFrame | None = None
    impressions: dict[str, pl.DataFrame] | None = None
    timed: bool = True
    time_kinds: dict[str, int] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)


def unique_items(items: pl.DataFrame, fields: list[str], faults: Faults) -> pl.DataFrame:
    """One row per item, the first; repeated rows of the same text are fine, and counted where one file has them.

    Args:
        items: with `item_id`, `__line__` and `__file__`; rows without an id are refused.
        fields: columns that make an item's text.

    Raises:
        DataError: two rows of one id have another text.
    """
    named = pl.col("item_id").fill_null("") != ""
    for file, part in places(items.filter(~named)):
        faults.refuse("a missing item id", file, part[LINE].to_list(), None, "item_id", "an id")
    items = items.filter(named)
    first = items.unique("item_id", keep="first", maintain_order=True)
    if len(first) < len(items):
        own = dict.fromkeys(name for name in fields if name in items.columns and name != "item_id")
        _compare(items, first, list(own), faults)
    return first


def _compare(items: pl.DataFrame, first: pl.DataFrame, fields: list[str], faults: Faults) -> None:
    """Every row with the first of its id."""
    mine = [named(name) for name in (LINE, FILE, *fields)]
    both = items.select("item_id", *mine).join(
        first.select("item_id", *mine), on="item_id", suffix="__first", maintain_order="left"
    )
    for name in fields:
        for row in both.filter(named(name).ne_missing(named(f"{name}__first"))).head(1).iter_rows(named=True):
            before = f"{row[f'{FILE}__first']}:{row[f'{LINE}__first']}"
            raise DataError(
                f"{row[FILE]}:{row[LINE]}",
                f"item {row['item_id']!r} again, with another {name} than at {before}",
                "one text per item",
                "Remove or rename one of the two.",
            )
    again = both.filter((pl.col(FILE) == pl.col(f"{FILE}__first")) & (pl.col(LINE) != pl.col(f"{LINE}__first")))
    for file, part in places(again):
        faults.mend("an item that is listed again", file, part[LINE].to_list())
