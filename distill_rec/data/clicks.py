"""From a table's columns to clicks: ids as text, times on one line, ratings and events to positives and weights."""

from __future__ import annotations

import numpy as np
import polars as pl

from distill_rec.data.faults import Faults
from distill_rec.data.rows import LINE
from distill_rec.data.times import MISSING, parse_times, zone_of
from distill_rec.recipe import DataSection


def clean_clicks(
    table: pl.DataFrame, section: DataSection, known: pl.Series, file: str, faults: Faults, start: int
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Clicks of one file, and how many times of each kind it has.

    Rows without user, item or readable time, and clicks on unknown items, are refused.

    Args:
        known: ids of the catalogue.
        start: rows in the files before; the time of a row where the file has none.
    """
    frame = table.select(
        pl.col(section.user_column).cast(pl.String).alias("user_id"),
        pl.col(section.item_column).cast(pl.String).alias("item_id"),
        pl.col(LINE),
    )
    kinds: dict[str, int] = {}
    if section.time_column:
        times, kinds = parse_times(table[section.time_column], zone_of(section.timezone))
    else:
        times = np.arange(start, start + len(table), dtype=np.int64)
    positive, weight, ratings_read = _signals(table, section)
    frame = frame.with_columns(
        pl.Series("time", times), pl.Series("positive", positive), pl.Series("weight", weight, dtype=pl.Float32)
    )
    tests = {
        "a missing user id": pl.col("user_id").fill_null("") == "",
        "a missing item id": pl.col("item_id").fill_null("") == "",
        "a missing or unreadable time": pl.col("time") == MISSING,
        "an unreadable rating": ~pl.lit(pl.Series(ratings_read)),
        "a click on an unknown item": ~pl.col("item_id").is_in(known.implode()),
    }
    reason = pl.lit(None, dtype=pl.String)
    for name, test in reversed(tests.items()):
        reason = pl.when(test).then(pl.lit(name)).otherwise(reason)
    frame = frame.with_columns(reason.alias("reason"))
    for name in tests:
        faults.refuse(name, file, frame.filter(pl.col("reason") == name)[LINE].to_list())
    # Events that the recipe does not name are left out, not refused: they are somebody's choice.
    frame = frame.filter(pl.col("reason").is_null() & pl.col("weight").is_not_null())
    return frame.drop("reason", LINE), kinds


def _signals(table: pl.DataFrame, section: DataSection) -> tuple[np.ndarray, pl.Series, np.ndarray]:
    """Which rows are clicks, their weight (null: left out), and which ratings could be read."""
    n = len(table)
    positive, read = np.ones(n, np.bool_), np.ones(n, np.bool_)
    if section.rating_column:
        ratings = (
            table[section.rating_column].cast(pl.String).cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
        )
        read = np.isfinite(ratings)
        positive = read & (ratings >= section.min_rating)
    weight = pl.Series(np.ones(n, np.float32))
    if section.event_column and section.event_weights:
        events = table[section.event_column].cast(pl.String)
        weight = events.replace_strict(section.event_weights, default=None, return_dtype=pl.Float32)
        positive &= weight.fill_null(0).to_numpy() > 0
    return positive, weight, read
