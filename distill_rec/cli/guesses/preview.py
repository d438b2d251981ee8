"""What a guess makes of the files: the first clicks as they would be read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from distill_rec.data.cautions import COME_BACK, REPEATED
from distill_rec.data.divide import require_two_days
from distill_rec.data.log import Log
from distill_rec.data.prepare import read_log
from distill_rec.data.shown import shown
from distill_rec.data.text import render_column, unescape
from distill_rec.data.text import template_fields as fields
from distill_rec.recipe import DataSection

ROWS = 3
WIDE = 40


def read_as_prepare_would(data: dict[str, Any], notes: list[str]) -> Log:
    """Read all rows by the guess; what is counted or odd is added to the notes.

    Raises:
        DataError, RecipeError: `prepare` would refuse it.
    """
    section = DataSection.model_validate(data)
    log = read_log(section, Path())
    for name, kinds in (("mended", log.faults.mended), ("refused", log.faults.refused)):
        notes += [f"{name}: {reason}: {fault.count:,} ({', '.join(fault.first)})" for reason, fault in kinds.items()]
    for kind, count in log.time_kinds.items():
        if "(" in kind:
            notes.append(f"times: {count:,} {kind}; here --time-format, as %d/%m/%Y %H:%M")
    notes += log.faults.warnings
    if log.impressions is not None:
        require_two_days(log.impressions["train"])
        return log
    assert log.clicks is not None
    clicked = log.clicks.filter("positive").select("user_id", "item_id")
    again = 1 - clicked.n_unique() / max(len(clicked), 1)
    if again > REPEATED:
        notes.append(f"{again:.1%} of the clicks are on an item that the user had clicked before: {COME_BACK}")
    if section.split == "time" and log.timed and _too_coarse(log.clicks.filter("positive")["time"].to_numpy(), section):
        data["split"] = "leave-last-out"
        notes.append("times are too coarse for a split by time: each user's last clicks are the tests (data.split)")
    return log


def _too_coarse(times: NDArray[np.int64], section: DataSection) -> bool:
    """Whether a split by time would leave nothing to train on or to validate with: both cuts fall on one moment."""
    ordered = np.sort(times)
    shares = (section.test_share + section.validation_share, section.test_share)
    cuts = [ordered[min(round(len(ordered) * (1 - share)), len(ordered) - 1)] for share in shares if len(ordered)]
    return bool(cuts) and bool(cuts[0] == cuts[1] or cuts[0] == ordered[0])


def parsed_rows(data: dict[str, Any], log: Log) -> list[dict[str, str]]:
    """The first clicks: user, item, time, weight and text; of impressions what was shown in place of a weight."""
    section = DataSection.model_validate(data)
    first = _first_clicks(log)
    items = log.items.filter(pl.col("item_id").is_in(first["item_id"].implode()))
    items = unescape(items, fields(section.text)) if section.unescape_html else items
    texts = dict(zip(items["item_id"], render_column(items, section.text), strict=True))
    return [
        {
            "user": row.pop("user_id"),
            "item": row["item_id"],
            "time": _time_in_words(row.pop("time")) if log.timed else f"row {row.pop('time') + 1}",
            **{name: f"{value:g}" for name, value in row.items() if name != "item_id"},
            "text": texts[row["item_id"]],
        }
        for row in first.iter_rows(named=True)
    ]


def _first_clicks(log: Log) -> pl.DataFrame:
    """`user_id`, `item_id`, `time`, and the `weight`; of impressions the number of clicks before and of items shown."""
    if log.impressions is None:
        assert log.clicks is not None
        return log.clicks.filter("positive").head(ROWS).select("user_id", "item_id", "time", "weight")
    shown_rows = log.impressions["train"].filter(pl.col("labels").list.contains(1)).head(ROWS)
    counts = [pl.col("history").list.len().alias("clicks before"), pl.col("candidates").list.len().alias("shown")]
    entries = shown_rows.select("user_id", pl.col("candidates").alias("item_id"), "time", *counts, "labels")
    return entries.explode("item_id", "labels").filter(pl.col("labels") == 1).drop("labels").head(ROWS)


def _time_in_words(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"
    except (OverflowError, OSError, ValueError):
        return str(seconds)


def as_table(rows: list[dict[str, str]]) -> list[str]:
    """Lines of a table."""
    if not rows:
        return []
    shown_rows = [list(rows[0]), *([shown(value, WIDE) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*shown_rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in shown_rows
    ]
