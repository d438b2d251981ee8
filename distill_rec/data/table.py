"""Reader of plain tables: CSV, TSV, JSONL, Parquet, or frames, with a column mapping in the recipe."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from distill_rec.data.clicks import clean_clicks
from distill_rec.data.faults import Faults
from distill_rec.data.log import Log, unique_items
from distill_rec.data.rows import LINE, find_files, is_broken, open_text, read_rows
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import DataError

Frame = Any


def read_table(
    section: DataSection, base: Path, clicks: Frame | None = None, items: Frame | None = None
) -> Log:
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
    return Log(item_frame, frame, None, timed, kinds, faults)


def _items(section: DataSection, folder: Path, given: Frame | None, faults: Faults) -> pl.DataFrame:
    parts = [(frame_of(given), "items")] if given is not None else _files(section, folder, section.items, "items", faults)
    for part, file in parts:
        require(part, [section.item_column], file, "data.item_column")
    names = ", ".join(file for _, file in parts)
    whole = pl.concat([part for part, _ in parts], how="diagonal_relaxed").rename({section.item_column: "item_id"})
    return unique_items(whole.with_columns(pl.col("item_id").cast(pl.String)), names, faults)


def _clicks(
    section: DataSection, folder: Path, given: Frame | None, known: pl.Series, faults: Faults
) -> tuple[pl.DataFrame, bool, dict[str, int]]:
    parts = [(frame_of(given), "clicks")] if given is not None else _files(section, folder, section.clicks, "clicks", faults)
    cleaned, kinds = [], {}
    timed = bool(section.time_column)
    start = 0
    for part, file in parts:
        columns = [section.user_column, section.item_column]
        columns += [name for name in (section.time_column, section.rating_column, section.event_column) if name]
        require(part, columns, file, "the columns of [data]")
        frame, found = clean_clicks(part, section, known, file, faults, start)
        start += len(part)
        cleaned.append(frame)
        for kind, count in found.items():
            kinds[kind] = kinds.get(kind, 0) + count
    return pl.concat(cleaned), timed, kinds


def frame_of(given: Frame) -> pl.DataFrame:
    """A polars or pandas frame as polars, with line numbers (from 1)."""
    frame = given if isinstance(given, pl.DataFrame) else pl.from_pandas(given)
    return frame.with_columns(pl.Series(LINE, np.arange(1, len(frame) + 1)))


def require(frame: pl.DataFrame, columns: list[str], file: str, key: str) -> None:
    """Raise a DataError where a column is missing."""
    for name in columns:
        if name not in frame.columns:
            there = ", ".join(repr(column) for column in frame.columns if column != LINE)
            raise DataError(file, f"no column {name!r}; there are {there}", f"the columns that {key} names")


def _files(
    section: DataSection, folder: Path, pattern: str, key: str, faults: Faults
) -> list[tuple[pl.DataFrame, str]]:
    if not pattern:
        raise DataError(f"data.{key}", "not given", "a file or glob", f"Set data.{key} in the recipe.")
    found = []
    for path in find_files(folder, pattern):
        suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
        reader = READERS.get(suffix.lower(), _delimited)
        found.append((reader(path, section, faults), path.name))
        faults.check(section.max_refused)
    return found


def _delimited(path: Path, section: DataSection, faults: Faults) -> pl.DataFrame:
    return read_rows(path, faults, encoding=section.encoding)


def _json_lines(path: Path, section: DataSection, faults: Faults) -> pl.DataFrame:
    rows: dict[str, list[Any]] = {LINE: []}
    with open_text(path, section.encoding) as file:
        for line, text in enumerate(file, 1):
            if not text.strip():
                continue
            faults.rows += 1
            try:
                content = json.loads(text)
            except ValueError:
                content = None
            if is_broken(text):
                faults.refuse(f"bytes that are not {section.encoding} (see data.encoding)", path.name, [line])
            elif not isinstance(content, dict):
                faults.refuse("no JSON object", path.name, [line])
            else:
                for key in content.keys() - rows.keys():
                    rows[key] = [None] * len(rows[LINE])
                rows[LINE].append(line)
                for key, column in rows.items():
                    if key != LINE:
                        column.append(_plain(content.get(key)))
    return pl.DataFrame({key: pl.Series(key, column, dtype=pl.Int64 if key == LINE else pl.String) for key, column in rows.items()})


def _plain(value: Any) -> str | None:
    """A JSON value as text; lists are joined by blanks."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list):
        return " ".join(str(part) for part in value)
    return json.dumps(value)


def _parquet(path: Path, section: DataSection, faults: Faults) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path)
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
