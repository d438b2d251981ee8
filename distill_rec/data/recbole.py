"""Reader of RecBole atomic files: `.inter` (plain, or with a list of earlier items) and `.item`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from distill_rec.data.clicks import clean_clicks, leave_out, mend_items, mend_users
from distill_rec.data.faults import Faults
from distill_rec.data.log import Log
from distill_rec.data.rows import FILE, LINE, label, named, read_rows
from distill_rec.data.table import (
    clicks_of_parts,
    files_of,
    first_further,
    items_of_parts,
    needed,
    require,
    used_columns,
)
from distill_rec.data.where import where_columns
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import DataError

FORM: dict[str, Any] = {"delimiter": "\t", "quoted": False}
"""How rows are written."""
PARTS = {"train": 0, "valid": 1, "validation": 1, "dev": 1, "test": 2}
"""A benchmark's files, by the last word of their name, in order of time."""


def read_recbole(section: DataSection, base: Path, faults: Faults | None = None) -> Log:
    """Read `*.inter` and `*.item` of a folder (or the files that the section names).

    Raises:
        DataError: a file or column is missing, or too many rows are refused.
    """
    faults = Faults() if faults is None else faults
    folder = base / section.path
    items = read_items(section, folder, faults)
    plain = section
    if section.sequence_column:
        plain = section.model_copy(
            update={"time_column": "", "rating_column": "", "event_column": "", "sequence_column": ""}
        )
    parts = []
    for table, file in click_files(section, folder, faults):
        require(table, used_columns(section), file)
        kept = needed(table, section if section.sequence_column else plain, [])
        parts.append(kept.with_columns(pl.lit(file).alias(FILE)))
    table = clicks_of_parts(parts, plain, folder, None, faults)
    if section.sequence_column:
        rows = len(table)
        table = unrolled(table, section)
        faults.rows += len(table) - rows
    table = mend_items(mend_users(table, section, faults), section, items["item_id"], faults)
    clicks, kinds = clean_clicks(table, plain, items["item_id"], leave_out(table, plain, faults)[1], faults)
    faults.check(section.max_refused)
    timed = bool(section.time_column) and not section.sequence_column
    return Log(items, clicks, None, timed, kinds, faults)


def read_items(section: DataSection, folder: Path, faults: Faults) -> pl.DataFrame:
    """Items with their id as `item_id`, one row each, and the files' own columns."""
    files = files_of(section, folder, "items")
    listed = [read_file(path, section, faults).with_columns(pl.lit(label(path)).alias(FILE)) for path in files]
    return items_of_parts(listed, section, folder, None, faults)


def click_files(section: DataSection, folder: Path, faults: Faults) -> Iterator[tuple[pl.DataFrame, str]]:
    """Each file of clicks, and how messages name it."""
    paths = files_of(section, folder, "clicks")
    further = first_further(section, folder, None, "clicks")
    for path in [*in_order_of_parts(paths[:further]), *paths[further:]]:
        yield read_file(path, section, faults), label(path)


def in_order_of_parts(paths: list[Path]) -> list[Path]:
    """A benchmark's files (`x.train.inter`, `x.valid.inter`, `x.test.inter`) in order of time, others as they are.

    By their names the test's clicks would come first, and where there are no times the order of rows is all there is.
    """
    words = [path.name.lower().removesuffix(".gz").split(".")[-2:-1] for path in paths]
    if not all(word and word[0] in PARTS for word in words):
        return paths
    return [path for _, path in sorted(zip([PARTS[word] for (word,) in words], paths, strict=True))]


def read_file(path: Path, section: DataSection, faults: Faults) -> pl.DataFrame:
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


def unrolled(table: pl.DataFrame, section: DataSection) -> pl.DataFrame:
    """The sequence form as one row per click, in order: the longest row of a user, in any file, holds all of them."""
    entries = named(section.sequence_column).fill_null("").str.split(" ")
    lists = table.with_columns(
        entries.list.eval(pl.element().filter(pl.element() != "")).alias("__list__"),
        pl.int_range(pl.len()).alias("__order__"),
    )
    longest = (
        lists.with_columns(pl.col("__list__").list.len().alias("__length__"))
        .sort("__length__", "__order__")
        .unique(section.user_column, keep="last", maintain_order=True)
        .sort("__order__")
    )
    whole = longest.with_columns(pl.concat_list("__list__", named(section.item_column)).alias(section.item_column))
    kept = where_columns(section.where)
    own = () if section.sequence_column in kept else (section.sequence_column,)
    return whole.drop(*own, "__list__", "__order__", "__length__").explode(section.item_column)
