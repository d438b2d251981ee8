"""Reader of RecBole atomic files: `.inter` (plain, or with a list of earlier items) and `.item`."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from distill_rec.data.clicks import clean_clicks
from distill_rec.data.faults import Faults
from distill_rec.data.log import Log, unique_items
from distill_rec.data.rows import LINE, find_files, read_rows
from distill_rec.data.table import require
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import DataError


def read_recbole(section: DataSection, base: Path) -> Log:
    """Read `*.inter` and `*.item` of a folder (or the files that the section names).

    Raises:
        DataError: a file or column is missing, or too many rows are refused.
    """
    faults = Faults()
    folder = base / section.path
    items = _read(folder, section.items or "*.item", section, faults)
    require(items, [section.item_column], "the .item file", "data.item_column")
    items = unique_items(items.rename({section.item_column: "item_id"}), section.items or "*.item", faults)
    path = find_files(folder, section.clicks or "*.inter")[0]
    table = _read(folder, section.clicks or "*.inter", section, faults)
    columns = [section.user_column, section.item_column]
    extra = (section.sequence_column, section.time_column, section.rating_column, section.event_column)
    require(table, columns + [name for name in extra if name], path.name, "the columns of [data]")
    if section.sequence_column:
        table = _unroll(table, section)
        section = section.model_copy(update={"time_column": "", "rating_column": "", "event_column": ""})
    clicks, kinds = clean_clicks(table, section, items["item_id"], path.name, faults, 0)
    faults.check(section.max_refused)
    return Log(items, clicks, None, bool(section.time_column), kinds, faults)


def _read(folder: Path, pattern: str, section: DataSection, faults: Faults) -> pl.DataFrame:
    """All files of a pattern; `name:type` in the header becomes `name`."""
    parts = []
    for path in find_files(folder, pattern):
        frame = read_rows(path, faults, encoding=section.encoding, delimiter="\t", quoted=False)
        faults.check(section.max_refused)
        plain = [name for name in frame.columns if ":" not in name and name != LINE]
        if plain:
            raise DataError(path, f"column {plain[0]!r} in the header", "name:type, as RecBole's atomic files have")
        parts.append(frame.rename({name: name.split(":")[0] for name in frame.columns if name != LINE}))
    return pl.concat(parts, how="diagonal")


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
