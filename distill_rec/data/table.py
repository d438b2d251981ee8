"""Reader of plain tables: CSV, TSV, JSONL, Parquet, or frames, with a column mapping in the recipe."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from distill_rec.data.clicks import clean_clicks, leave_out, mend_items, mend_users
from distill_rec.data.faults import Faults
from distill_rec.data.items_of_clicks import items_of_clicks
from distill_rec.data.json_lines import read_json_lines
from distill_rec.data.log import Log, unique_items
from distill_rec.data.more import more_files, read_once, renewed
from distill_rec.data.rows import (
    FILE,
    LINE,
    OWN,
    find_files,
    label,
    named,
    read_rows,
    suffix_of,
)
from distill_rec.data.sequences import as_text, check_form, texts_in_lists, unrolled
from distill_rec.data.text import check_template, template_fields
from distill_rec.data.where import where_columns
from distill_rec.frames import read_frame
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import DataError

Frame = Any
NO_ITEMS = "data.items names no file, so texts come from the clicks."
PATTERNS = {("recbole", "clicks"): "*.inter", ("recbole", "items"): "*.item"}


def read_table(
    section: DataSection,
    base: Path,
    clicks: Frame | None = None,
    items: Frame | None = None,
    faults: Faults | None = None,
) -> Log:
    """Read clicks and items by the section's columns; the clicks' own texts where there are no items.

    Args:
        clicks, items: polars or pandas frames in the place of files.
        faults: what was wrong with rows is added to it.

    Raises:
        DataError: a file or column is missing, or too many rows are refused.
    """
    faults = Faults() if faults is None else faults
    folder = base / section.path
    fields = template_fields(section.text)
    alone = items is None and has_no_items(section)
    item_frame = None if alone else _items(section, folder, items, faults)
    table = _clicks(section, folder, clicks, faults, fields if alone else [])
    table = mend_users(table, section, faults)
    table = mend_items(table, section, None if item_frame is None else item_frame["item_id"], faults)
    passing, kept = leave_out(table, section, faults)
    if item_frame is None:
        item_frame = items_of_clicks(table.filter(passing), section.item_column, fields, faults)
    frame, kinds = clean_clicks(table, section, item_frame["item_id"], kept, faults)
    faults.check(section.max_refused)
    return Log(item_frame, frame, None, bool(section.time_column), kinds, faults)


def has_no_items(section: DataSection) -> bool:
    """Whether the items' texts are to be taken from the clicks."""
    return section.format == "table" and not section.items


def distinct_items(section: DataSection, folder: Path) -> int:
    """How many items the clicks name."""
    ids = [part[section.item_column].unique() for part, _ in click_parts(section, folder, None, Faults())]
    return pl.concat([one.cast(pl.String) for one in ids]).n_unique()


def _items(section: DataSection, folder: Path, given: Frame | None, faults: Faults) -> pl.DataFrame:
    parts = parts_of(section, folder, given, "items", faults)
    named = [part.with_columns(pl.lit(file).alias(FILE)) for part, file in parts]
    return items_of_parts(named, section, folder, given, faults)


def items_of_parts(
    parts: list[pl.DataFrame], section: DataSection, folder: Path, given: Frame | None, faults: Faults
) -> pl.DataFrame:
    """Items of all files, one row each; those of `more_items` come after the others."""
    fields, first = template_fields(section.text), first_further(section, folder, given, "items")
    items = with_ids(pl.concat(parts[:first], how="diagonal_relaxed"), section, fields, faults)
    for later in parts[first:]:
        items = renewed(items, with_ids(later, section, fields, faults), faults)
    return items


def clicks_of_parts(
    parts: list[pl.DataFrame], section: DataSection, folder: Path, given: Frame | None, faults: Faults
) -> pl.DataFrame:
    """Clicks of all files under each other; rows of `more_clicks` that stood before are left out."""
    table, first = joined(parts, section.time_column), first_further(section, folder, given, "clicks")
    if first == len(parts) or not section.time_column:
        return table
    return read_once(table, [len(part) for part in parts], first, faults)


def first_further(section: DataSection, folder: Path, given: Frame | None, key: str) -> int:
    """Number of the first file that `more_clicks` or `more_items` names."""
    return 1 if given is not None else len(find_files(folder, pattern_of(section, key), f"data.{key}"))


def read_items(  # noqa: PLR0913
    section: DataSection, folder: Path, clicks: Frame | None, items: Frame | None, columns: list[str], faults: Faults
) -> pl.DataFrame:
    """Items with their id as `item_id`, one row each, and these columns; the clicks' own where there are no items.

    Args:
        clicks, items: frames in the place of files.
    """
    if items is not None or not has_no_items(section):
        return _items(section, folder, items, faults)
    rows = mend_items(_clicks(section, folder, clicks, faults, columns), section, None, faults)
    return items_of_clicks(rows, section.item_column, columns, faults)


def with_ids(items: pl.DataFrame, section: DataSection, fields: list[str], faults: Faults) -> pl.DataFrame:
    """Items with their id as `item_id`, one row each."""
    column = items_id(section)[1]
    require(items, [items_id(section)], items[FILE][0] if len(items) else "items")
    return unique_items(items.with_columns(named(column).cast(pl.String).alias("item_id")), fields, faults)


def items_id(section: DataSection) -> tuple[str, str]:
    """The key that names the id's column in the items, and the column."""
    if section.item_id_column:
        return "data.item_id_column", section.item_id_column
    return "data.item_column", section.item_column


def _clicks(section: DataSection, folder: Path, given: Frame | None, faults: Faults, fields: list[str]) -> pl.DataFrame:
    """All rows of the clicks: the columns that the section names, and `fields`, with file and line."""
    parts, plain = [], section.model_copy(update={"sequence_column": ""})
    for part, file in click_parts(section, folder, given, faults, fields):
        if fields:
            check_template(section.text, [name for name in part.columns if name not in OWN], NO_ITEMS)
        parts.append(needed(part, plain, fields).with_columns(pl.lit(file).alias(FILE)))
    return clicks_of_parts(parts, section, folder, given, faults)


def click_parts(
    section: DataSection, folder: Path, given: Frame | None, faults: Faults, fields: Sequence[str] = ()
) -> Iterator[tuple[pl.DataFrame, str]]:
    """Each file of clicks, a row a click, and how messages name it.

    Args:
        fields: columns of the clicks that make an item's text.
    """
    keys = ("time_column", "rating_column", "event_column")
    beside = [*(getattr(section, key) for key in keys if getattr(section, key)), *fields]
    kept = [section.sequence_column, *beside] if section.sequence_column else [section.item_column]
    for part, file in parts_of(section, folder, given, "clicks", faults, kept):
        require(part, used_columns(section), file)
        check_form(part, section, file)
        if section.sequence_column:
            names = {*(name for _, name in used_columns(section)), *beside, LINE}
            part = part.select(named(name) for name in part.columns if name in names)
            part = unrolled(part, section, [name for name in beside if name in part.columns], file, faults)
        yield part, file


def needed(part: pl.DataFrame, section: DataSection, fields: list[str]) -> pl.DataFrame:
    """The columns that are used, as text but for times that are dates already."""
    names = dict.fromkeys([*click_columns(section).values(), *where_columns(section.where), *fields])
    dates = {name for name in names if name == section.time_column and part.schema[name] in (pl.Datetime, pl.Date)}
    return part.select(*(named(name) if name in dates else named(name).cast(pl.String) for name in names), pl.col(LINE))


def joined(parts: list[pl.DataFrame], time_column: str) -> pl.DataFrame:
    """Files under each other; their times as text where they are dates in some only."""
    if time_column and len({part.schema[time_column] for part in parts}) > 1:
        times = named(time_column)
        parts = [
            part if part.schema[time_column] == pl.String else part.with_columns(times.dt.to_string("iso:strict"))
            for part in parts
        ]
    return pl.concat(parts)


def frame_of(given: Frame) -> pl.DataFrame:
    """A polars or pandas frame as polars, with line numbers from 1; nested fields are columns, lists text."""
    return as_text(_listed(given))


def _listed(given: Frame) -> pl.DataFrame:
    """The same with lists of text."""
    frame = unnested(given if isinstance(given, pl.DataFrame) else pl.from_pandas(given))
    return texts_in_lists(frame).with_columns(pl.Series(LINE, np.arange(1, len(frame) + 1)))


def unnested(frame: pl.DataFrame) -> pl.DataFrame:
    """Fields of structures as columns of their own: `user.id`; those of structures in a list as lists: `items.id`."""
    while nested := [name for name, dtype in frame.schema.items() if fields_in(dtype)]:
        inner = [
            _field(frame[name], part).alias(f"{name}.{part}")
            for name in nested
            for part in fields_in(frame.schema[name])
        ]
        frame = frame.drop(nested)
        frame = frame.with_columns(one for one in inner if one.name not in frame.columns)
    return frame


def fields_in(dtype: pl.DataType) -> list[str]:
    """Fields of a structure, or of those in a list."""
    inner = dtype.inner if isinstance(dtype, pl.List) else dtype
    return [field.name for field in inner.fields] if isinstance(inner, pl.Struct) else []


def _field(values: pl.Series, name: str) -> pl.Series:
    if isinstance(values.dtype, pl.List):
        return values.list.eval(pl.element().struct.field(name))
    return values.struct.field(name)


def click_columns(section: DataSection) -> dict[str, str]:
    """Columns of the clicks that a recipe names, by its key."""
    keys = ["user_column", "item_column", "time_column", "rating_column", "event_column", "sequence_column"]
    if section.format == "table" and section.sequence_column:
        keys.remove("item_column")  # what the entries of the lists are called
    return {f"data.{key}": str(getattr(section, key)) for key in keys if getattr(section, key)}


def used_columns(section: DataSection) -> list[tuple[str, str]]:
    """The same with those of `data.where`: a key and a column each."""
    return [*click_columns(section).items(), *(("data.where", name) for name in where_columns(section.where))]


def require(frame: pl.DataFrame, columns: list[tuple[str, str]], file: str) -> None:
    """Raise a DataError where a column that a key of the recipe names is missing."""
    for key, name in columns:
        if name not in frame.columns:
            there = ", ".join(repr(column) for column in frame.columns if column not in OWN)
            empty = f" (or {key} = '' where there is none)" if key == "data.time_column" else ""
            raise DataError(file, f"no column {name!r}", f"one of {there}", f"Set {key} to the right one{empty}.")


def parts_of(  # noqa: PLR0913
    section: DataSection, folder: Path, given: Frame | None, key: str, faults: Faults, kept: Collection[str] | None = ()
) -> Iterator[tuple[pl.DataFrame, str]]:
    """Each file of a glob (or the frame given in its place), and how messages name it.

    Args:
        kept: columns whose lists stay lists, of text (None: all); others become text.
    """
    if given is not None:
        frame = _listed(given)
        faults.rows += len(frame)
        yield as_text(frame, kept), f"the frame of {key}"
        return
    for path in files_of(section, folder, key):
        yield as_text(READERS.get(suffix_of(path), _delimited)(path, section, faults), kept), label(path)
        faults.check(section.max_refused)


def files_of(section: DataSection, folder: Path, key: str) -> list[Path]:
    """Files of "clicks" or "items": those of the pattern, then further ones.

    Raises:
        DataError: one is missing.
    """
    found = find_files(folder, pattern_of(section, key), f"data.{key}")
    return found + more_files(section, folder, key, found)


def pattern_of(section: DataSection, key: str) -> str:
    """The file or glob of "clicks" or "items": the recipe's own, or what its format has.

    Raises:
        DataError: neither is there.
    """
    pattern = getattr(section, key) or PATTERNS.get((section.format, key))
    if not pattern:
        raise DataError(f"data.{key}", "not given", "a file or glob", f"Set data.{key} in the recipe.")
    return str(pattern)


def input_files(section: DataSection, base: Path) -> list[Path]:
    """Files that a recipe's data are read from.

    Raises:
        DataError: one is missing.
    """
    folder = base / section.path
    if section.format == "mind":
        folders = {"data.path": folder} | ({"data.test": folder / section.test} if section.test else {})
        names = ("news.tsv", "behaviors.tsv")
        return [path for key, one in folders.items() for name in names for path in find_files(one, name, key)]
    keys = ("clicks",) if has_no_items(section) else ("clicks", "items")
    return [path for key in keys for path in files_of(section, folder, key)]


def _delimited(path: Path, section: DataSection, faults: Faults) -> pl.DataFrame:
    return read_rows(path, faults, encoding=section.encoding)


def _parquet(path: Path, section: DataSection, faults: Faults) -> pl.DataFrame:
    try:
        frame = read_frame(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(path, f"cannot be read: {error}", "a Parquet file") from error
    faults.rows += len(frame)
    return _listed(frame)


READERS: dict[str, Callable[[Path, DataSection, Faults], pl.DataFrame]] = {
    ".parquet": _parquet,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".json": read_json_lines,
}
