"""Reader of RecBole atomic files: `.inter` (plain, or with a list of earlier items) and `.item`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from distill_rec.data.clicks import clean_clicks
from distill_rec.data.faults import Faults
from distill_rec.data.log import Log
from distill_rec.data.rows import FILE, LINE, find_files, label, read_rows
from distill_rec.data.table import click_columns, pattern_of, require, with_ids
from distill_rec.data.text import template_fields
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import DataError

FORM: dict[str, Any] = {"delimiter": "\t", "quoted": False}
"""How rows are written."""


def read_recbole(section: DataSection, base: Path) -> Log:
    """Read `*.inter` and `*.item` of a folder (or the files that the section names).

    Raises:
        DataError: a file or column is missing, or too many rows are refused.
    """
    faults = Faults()
    folder = base / section.path
    files = find_files(folder, pattern_of(section, "items"))
    items = pl.concat(
        [_read(path, section, faults).with_columns(pl.lit(label(path)).alias(FILE)) for path in files], how="diagonal"
    )
    items = with_ids(items, section, template_fields(section.text), faults)
    cleaned, kinds = [], Counter[str]()
    start = 0
    for path in find_files(folder, pattern_of(section, "clicks")):
        table = _read(path, section, faults)
        require(table, click_columns(section), label(path))
        plain = section
        if section.sequence_column:
            rows = len(table)
            table = _unroll(table, section)
            faults.rows += len(table) - rows
            plain = section.model_copy(update={"time_column": "", "rating_column": "", "event_column": ""})
        clicks, found = clean_clicks(table, plain, items["item_id"], label(path), faults, start)
        start += len(table)
        cleaned.append(clicks)
        kinds.update(found)
    faults.check(section.max_refused)
    timed = bool(section.time_column) and not section.sequence_column
    return Log(items, pl.concat(cleaned), None, timed, dict(kinds), faults)


def _read(path: Path, section: DataSection, faults: Faults) -> pl.DataFrame:
    """One file; `name:type` in the header becomes `name`."""
    frame = read_rows(path, faults, encoding=section.encoding, **FORM)
    faults.check(section.max_refused)
    return typed(frame, path)


def typed(frame: pl.DataFrame, path: Path) -> pl.DataFrame:
    """A file's rows with `name` in the place of `name:type`.

    Raises:
        DataError: a column has no type.
    """
    names = [name for name in frame.columns if name != LINE]
    plain = [name for name in names if ":" not in name]
    if plain:
        raise DataError(f"{label(path)}:1", f"column {plain[0]!r}", "name:type, as RecBole's atomic files have")
    return frame.rename({name: name.split(":")[0] for name in names})


def _unroll(table: pl.DataFrame, section: DataSection) -> pl.DataFrame:
    """The sequence form as one row a click, in order: the longest row of a user holds all of them."""
    lists = table.with_columns(
        pl.col(section.sequence_column).fill_null("").str.split(" ").list.eval(pl.element().filter(pl.element() != "")),
        pl.int_range(pl.len()).alias("__order__"),
    )
    longest = (
        lists.with_columns(pl.col(section.sequence_column).list.len().alias("__length__"))
        .sort("__length__", "__order__")
        .unique(section.user_column, keep="last", maintain_order=True)
        .sort("__order__")
    )
    whole = longest.select(
        pl.col(section.user_column),
        pl.concat_list(section.sequence_column, section.item_column).alias(section.item_column),
        pl.col(LINE),
    )
    return whole.explode(section.item_column)
