"""Reader of plain tables: CSV, TSV, JSONL, Parquet, or frames, with a column mapping in the recipe."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from distill_rec.data.clicks import clean_clicks
from distill_rec.data.faults import Faults
from distill_rec.data.log import Log, unique_items
from distill_rec.data.rows import FILE, LINE, find_files, is_broken, label, open_text, read_rows, suffix_of
from distill_rec.data.text import template_fields
from distill_rec.frames import read_frame
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import DataError

Frame = Any
PATTERNS = {("recbole", "clicks"): "*.inter", ("recbole", "items"): "*.item"}


def read_table(section: DataSection, base: Path, clicks: Frame | None = None, items: Frame | None = None) -> Log:
    """Read clicks and items by the section's columns.

    Args:
        clicks, items: polars or pandas frames in the place of files.

    Raises:
        DataError: a file or column is missing, or too many rows are refused.
    """
    faults = Faults()
    folder = base / section.path
    item_frame = _items(section, folder, items, faults)
    frame, timed, kinds = _clicks(section, folder, clicks, item_frame["item_id"], faults)
    faults.check(section.max_refused)
    return Log(item_frame, frame, None, timed, kinds, faults)


def _items(section: DataSection, folder: Path, given: Frame | None, faults: Faults) -> pl.DataFrame:
    parts = _parts(section, folder, given, "items", faults)
    named = [part.with_columns(pl.lit(file).alias(FILE)) for part, file in parts]
    return with_ids(pl.concat(named, how="diagonal_relaxed"), section, template_fields(section.text), faults)


def with_ids(items: pl.DataFrame, section: DataSection, fields: list[str], faults: Faults) -> pl.DataFrame:
    """Items with their id as `item_id`, one row each."""
    require(items, {"data.item_column": section.item_column}, items[FILE][0] if len(items) else "items")
    return unique_items(
        items.with_columns(pl.col(section.item_column).cast(pl.String).alias("item_id")), fields, faults
    )


def _clicks(
    section: DataSection, folder: Path, given: Frame | None, known: pl.Series, faults: Faults
) -> tuple[pl.DataFrame, bool, dict[str, int]]:
    cleaned, kinds = [], Counter[str]()
    start = 0
    for part, file in _parts(section, folder, given, "clicks", faults):
        require(part, click_columns(section), file)
        frame, found = clean_clicks(part, section, known, file, faults, start)
        start += len(part)
        cleaned.append(frame)
        kinds.update(found)
    return pl.concat(cleaned), bool(section.time_column), dict(kinds)


def frame_of(given: Frame) -> pl.DataFrame:
    """A polars or pandas frame as polars, lists joined by blanks, with line numbers (from 1)."""
    frame = given if isinstance(given, pl.DataFrame) else pl.from_pandas(given)
    lists = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List)]
    return frame.with_columns(
        *(pl.col(name).list.eval(pl.element().cast(pl.String)).list.join(" ") for name in lists),
        pl.Series(LINE, np.arange(1, len(frame) + 1)),
    )


def click_columns(section: DataSection) -> dict[str, str]:
    """Columns of the clicks that a recipe names, by its key."""
    keys = ("user_column", "item_column", "time_column", "rating_column", "event_column", "sequence_column")
    return {f"data.{key}": str(getattr(section, key)) for key in keys if getattr(section, key)}


def require(frame: pl.DataFrame, columns: dict[str, str], file: str) -> None:
    """Raise a DataError where a column that a key of the recipe names is missing."""
    for key, name in columns.items():
        if name not in frame.columns:
            there = ", ".join(repr(column) for column in frame.columns if not column.startswith("__"))
            empty = f" (or {key} = '' where there is none)" if key == "data.time_column" else ""
            raise DataError(file, f"no column {name!r}", f"one of {there}", f"Set {key} to the right one{empty}.")


def _parts(
    section: DataSection, folder: Path, given: Frame | None, key: str, faults: Faults
) -> Iterator[tuple[pl.DataFrame, str]]:
    """Each file of a glob (or the frame given in its place), and how messages name it."""
    if given is not None:
        frame = frame_of(given)
        faults.rows += len(frame)
        yield frame, f"the frame of {key}"
        return
    for path in find_files(folder, pattern_of(section, key)):
        yield READERS.get(suffix_of(path), _delimited)(path, section, faults), label(path)
        faults.check(section.max_refused)


def pattern_of(section: DataSection, key: str) -> str:
    """The file or glob of "clicks" or "items": the recipe's own, or what its format has.

    Raises:
        DataError: neither is there.
    """
    pattern = getattr(section, key) or PATTERNS.get((section.format, key))
    if not pattern:
        raise DataError(f"data.{key}", "not given", "a file or glob", f"Set data.{key} in the recipe.")
    return str(pattern)


def _delimited(path: Path, section: DataSection, faults: Faults) -> pl.DataFrame:
    return read_rows(path, faults, encoding=section.encoding)


def _json_lines(path: Path, section: DataSection, faults: Faults) -> pl.DataFrame:
    """Objects, one a line; a key that some lack is null there."""
    columns: dict[str, list[str | None]] = {}
    lines: list[int] = []
    own = Faults()
    with open_text(path, section.encoding) as file:
        for line, text in enumerate(file, 1):
            if not text.strip():
                continue
            own.rows += 1
            content = _object(text, line, path, section.encoding, own)
            if content is None:
                continue
            for key in content:
                if key not in columns:
                    columns[key] = [None] * len(lines)
            lines.append(line)
            for key, column in columns.items():
                column.append(_plain(content.get(key)))
    own.check_readable()
    faults.merge(own)
    series = [pl.Series(key, column, dtype=pl.String) for key, column in columns.items()]
    return pl.DataFrame([*series, pl.Series(LINE, lines, dtype=pl.Int64)])


def _object(text: str, line: int, path: Path, encoding: str, faults: Faults) -> dict[str, Any] | None:
    if is_broken(text):
        faults.refuse(f"bytes that are not {encoding} (see data.encoding)", label(path), [line])
        return None
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    if isinstance(content, dict):
        return content
    faults.refuse("no JSON object", label(path), [line])
    return None


def _plain(value: Any) -> str | None:
    """A JSON value as text; lists are joined by blanks."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list):
        return " ".join(_plain(part) or "" for part in value)
    return json.dumps(value)


def _parquet(path: Path, section: DataSection, faults: Faults) -> pl.DataFrame:
    try:
        frame = read_frame(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(path, f"cannot be read: {error}", "a Parquet file") from error
    faults.rows += len(frame)
    return frame_of(frame)


READERS: dict[str, Callable[[Path, DataSection, Faults], pl.DataFrame]] = {
    ".parquet": _parquet,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json_lines,
}
