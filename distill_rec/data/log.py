"""What every reader gives: items, clicks or impressions, as frames of one shape."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from distill_rec.data.faults import Faults
from distill_rec.data.rows import LINE
from distill_rec.runtime.errors import DataError


@dataclass
class Log:
    """An input, read.

    Attributes:
        items: `item_id` (str, unique) and the file's own columns (str).
        clicks: `user_id`, `item_id` (str), `time` (int64 seconds, or the place in the file where it has no times),
            `positive` (bool), `weight` (float32), in file order; None for impressions.
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


def unique_items(items: pl.DataFrame, file: str, faults: Faults) -> pl.DataFrame:
    """One row an item: repeated rows that say the same are mended.

    Args:
        items: with `item_id` and line numbers; rows without an id are refused.

    Raises:
        DataError: two rows of one id differ.
    """
    empty = items.filter(pl.col("item_id").is_null() | (pl.col("item_id") == ""))
    faults.refuse("a missing item id", file, empty[LINE].to_list())
    items = items.filter(pl.col("item_id").is_not_null() & (pl.col("item_id") != ""))
    columns = [name for name in items.columns if name != LINE]
    distinct = items.unique(subset=columns, keep="first", maintain_order=True)
    repeated = len(items) - len(distinct)
    if repeated:
        again = items.join(distinct.select(LINE), on=LINE, how="anti")
        faults.mend("an item that is listed again", file, again[LINE].to_list())
    twice = distinct.filter(pl.col("item_id").is_duplicated()).sort("item_id", maintain_order=True)
    if len(twice):
        name = twice["item_id"][0]
        lines = twice.filter(pl.col("item_id") == name)[LINE].to_list()
        raise DataError(
            f"{file}:{lines[1]}",
            f"item {name!r} again, with other fields than in line {lines[0]}",
            "one row an item",
            "Remove or rename one of the two.",
        )
    return distinct.drop(LINE)
