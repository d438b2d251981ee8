"""Which columns are the item's id and the time: by their names, then by what stands in them."""

from __future__ import annotations

import numpy as np
import polars as pl

from distill_rec.cli.guesses.names import ITEM, TIME
from distill_rec.data.ids import plain
from distill_rec.data.shown import shown
from distill_rec.data.times import MISSING, READABLE, UNITS, parse_times, zone_of
from distill_rec.runtime.errors import DataError

SAMPLE = 2000
SHARED = 0.5
READ = 0.9
EARLIEST, LATEST = 631_152_000, 4_102_444_800
"""1990 and 2100: numbers outside are read as times, but are mostly something else."""


def shared_share(clicks: pl.Series, items: pl.Series) -> float:
    """Share of the clicks' ids that are ids of the items too, as `prepare` would match them."""
    ids = clicks.cast(pl.String).drop_nulls().unique(maintain_order=True).head(SAMPLE).alias("x").to_frame()
    known = items.cast(pl.String).drop_nulls().unique().alias("x").to_frame()
    if not len(ids):
        return 0.0
    return len(ids.select(plain("x")).unique().join(known.select(plain("x")).unique(), on="x", how="semi")) / len(ids)


def item_columns(
    clicks: pl.DataFrame, items: pl.DataFrame, names: list[str], asked: str | None, asked_id: str | None
) -> tuple[str, str] | None:
    """The item's id in clicks and items: the pair whose names say so, and whose values are shared; None where none is.

    Args:
        names: columns of the clicks that may be it.
        asked, asked_id: columns that are known.
    """
    of_items = [asked_id] if asked_id else [name for name in items.columns if not name.startswith("__") and name]
    of_clicks = [asked] if asked else names
    named_clicks, named_items = ITEM.ranked(of_clicks), ITEM.ranked(of_items)
    best: tuple[tuple[float, ...], str, str] | None = None
    for mine in of_clicks:
        for theirs in of_items:
            share = shared_share(clicks[mine], items[theirs])
            unique = items[theirs].n_unique() / len(items)
            likely = _place(mine, named_clicks) + _place(theirs, named_items) - 2 * (mine == theirs)
            enough = share >= SHARED and unique >= SHARED
            key = (not enough, likely if enough else 0, -share, likely)
            if (share > 0 or (mine == theirs and likely < 0)) and (best is None or key < best[0]):
                best = (key, mine, theirs)
    return best[1:] if best else None


def _place(name: str, ranked: list[str]) -> int:
    return ranked.index(name) if name in ranked else 10


def time_column(clicks: pl.DataFrame, names: list[str], form: str) -> str:
    """The column of times; "" where none can be told.

    Raises:
        DataError: a column is called one, and what stands in it cannot be read.
    """
    named = TIME.ranked(names)
    for name in named:
        if is_time(clicks[name], form):
            return name
    for name in names:
        if name not in named and is_time(clicks[name], form):
            return name
    for name in named[:1]:
        values = some(clicks[name])
        times = _times(values, form)
        if len(values) and (times == MISSING).mean() > 1 - READ:
            value = shown(values.filter(pl.Series(times == MISSING))[0])
            do = f"Say how it is written with --time-format, name another with --time-column, {NONE}."
            raise DataError(f"column {name!r}", f"{value!r} is no time that can be read", READABLE, do)
        return name  # numbers that are an order at least
    return ""


NONE = "or leave times out with --time-column ''"


def some(values: pl.Series) -> pl.Series:
    """At most `SAMPLE` of the values that are there, from all over the column."""
    present = values.drop_nulls()
    if present.dtype == pl.String:
        present = present.filter(present != "")
    return present.gather(np.linspace(0, len(present) - 1, min(SAMPLE, len(present))).astype(int))


def _times(values: pl.Series, form: str) -> np.ndarray:
    return parse_times(values, zone_of("UTC"), form)[0]


def is_time(values: pl.Series, form: str = "") -> bool:
    """Whether most values are times of our days."""
    found = some(values)
    if form in UNITS and not found.cast(pl.String).cast(pl.Float64, strict=False).is_not_null().any():
        return False
    times = _times(found, form)
    inside = (times >= EARLIEST) & (times <= LATEST)
    return bool(len(found)) and float(inside.mean()) >= READ
