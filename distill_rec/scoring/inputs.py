"""What a file of users holds (histories, or clicks), and its rows in frames of bounded size."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import ArrowException

from distill_rec.data.faults import Faults
from distill_rec.data.rows import LINE, find_files, is_broken, label, open_text, stream_rows, suffix_of
from distill_rec.runtime.errors import DataError

BLOCK = 8192
"""Rows of a frame."""
TIME = "timestamp"
USER, HISTORY, ITEM, WHEN = "user_id", "history", "item_id", "time"
"""Names of the columns inside; `Columns` are those of the file."""


@dataclass(frozen=True)
class Columns:
    """Names of columns. A file with `history` has one row per user, any other one row per click.

    Attributes:
        history: a list of item ids, oldest first, or a text of ids separated by blanks.
        time: of a click; "" where the file is in order. The default is not asked for where the file has none.
    """

    user: str = "user_id"
    history: str = "history"
    item: str = "item_id"
    time: str = TIME


@dataclass(frozen=True)
class Input:
    """Files of one form.

    Attributes:
        columns: as they are there; `time` is "" where clicks are taken in the file's order.
    """

    files: list[Path]
    columns: Columns
    form: Literal["lists", "clicks"]

    @property
    def wanted(self) -> dict[str, str]:
        """The file's column of each of ours."""
        if self.form == "lists":
            return {USER: self.columns.user, HISTORY: self.columns.history}
        timed = {WHEN: self.columns.time} if self.columns.time else {}
        return {USER: self.columns.user, ITEM: self.columns.item, **timed}


def open_input(pattern: str, columns: Columns) -> Input:
    """Look at a file, or at the first of a glob, and say what its rows are.

    Raises:
        DataError: there is no such file, or neither form's columns are in it.
    """
    files = find_files(Path(), pattern)
    names = NAMES.get(suffix_of(files[0]), _delimited_names)(files[0])
    there = ", ".join(map(repr, names)) or "none"
    if columns.user not in names:
        raise DataError(files[0], f"no column {columns.user!r}", f"one of {there}", "Set --user-column.")
    if columns.history in names:
        return Input(files, columns, "lists")
    if columns.item not in names:
        raise DataError(
            files[0],
            f"neither a column {columns.history!r} nor {columns.item!r} (there are {there})",
            "one history per row, or one click per row",
            "Set --history-column or --item-column.",
        )
    if columns.time and columns.time not in names:
        if columns.time != TIME:
            raise DataError(files[0], f"no column {columns.time!r}", f"one of {there}", "Set --time-column.")
        columns = replace(columns, time="")
    return Input(files, columns, "clicks")


def stream(source: Input, faults: Faults) -> Iterator[tuple[pl.DataFrame, str]]:
    """Frames of our columns and `__line__`, and how messages name their file; rows that lack an id are refused."""
    for path in source.files:
        for frame in FRAMES.get(suffix_of(path), _delimited_frames)(path, source, faults):
            yield _with_ids(frame, path, faults), label(path)


def is_parquet(source: Input) -> bool:
    return all(suffix_of(path) == ".parquet" for path in source.files)


def as_lists(values: pl.Series, where: object) -> pl.Series:
    """Histories as lists of text; a missing one is empty.

    Raises:
        DataError: the column holds neither lists of ids nor text.
    """
    column, empty = pl.lit(values), pl.lit([], dtype=pl.List(pl.String))
    if values.dtype in (pl.String, pl.Categorical):
        words = column.cast(pl.String).str.strip_chars().str.replace_all(r"\s+", " ").str.split(" ")
        lists = words.list.eval(pl.element().filter(pl.element() != ""))
    elif values.dtype in (pl.List, pl.Array):
        _require_ids(getattr(values.dtype, "inner", pl.Null), where, f"column {values.name!r}, lists")
        lists = column.cast(pl.List(pl.String)).list.drop_nulls()
    elif values.dtype == pl.Null:
        lists = column.cast(pl.List(pl.String))
    else:
        raise DataError(where, f"column {values.name!r} of type {values.dtype}", "lists of ids, or ids between blanks")
    return pl.select(lists.fill_null(empty)).to_series()


def as_ids(values: pl.Series, where: object) -> pl.Series:
    """Ids as text.

    Raises:
        DataError: the column holds neither text nor whole numbers: 7.0 would be another item than 7.
    """
    _require_ids(values.dtype, where, f"column {values.name!r}")
    return values.cast(pl.String)


def _require_ids(dtype: Any, where: object, what: str) -> None:
    if not (dtype in (pl.String, pl.Categorical, pl.Null) or dtype.is_integer()):
        raise DataError(where, f"{what} of type {dtype}", "ids that are text or whole numbers", "Cast them first.")


def _with_ids(frame: pl.DataFrame, path: Path, faults: Faults) -> pl.DataFrame:
    """Columns in our types; rows without user or item are refused."""
    ids = [name for name in (USER, ITEM) if name in frame.columns]
    columns = [as_ids(frame[name], path) for name in ids]
    if HISTORY in frame.columns:
        columns.append(as_lists(frame[HISTORY], path).alias(HISTORY))
    frame = frame.with_columns(columns)
    for name in ids:
        absent = frame[name].is_null() | (frame[name] == "")
        if absent.any():
            faults.refuse(f"no {name}", label(path), frame.filter(absent)[LINE].to_list())
            frame = frame.filter(~absent)
    return frame


def read_ids(path: Path) -> tuple[str, ...]:
    """Ids of a text file, one per line.

    Raises:
        DataError: there is none.
    """
    with open_text(path, "utf-8") as file:
        ids = tuple(dict.fromkeys(line.strip() for line in file if line.strip()))
    if not ids:
        raise DataError(path, "no id", "one item id per line")
    return ids


@contextlib.contextmanager
def open_parquet(path: Path) -> Iterator[Any]:
    """A Parquet file, by way of an open one: pyarrow takes a path such as `job:1/users.parquet` for an address.

    Raises:
        DataError: it is none.
    """
    try:
        source = pa.OSFile(str(path))
        file = pq.ParquetFile(source)
    except (ArrowException, OSError) as error:
        raise DataError(path, f"cannot be read: {error}", "a Parquet file") from error
    with source, file:
        yield file


def _parquet_names(path: Path) -> list[str]:
    with open_parquet(path) as file:
        return list(file.schema_arrow.names)


def _parquet_frames(path: Path, source: Input, faults: Faults) -> Iterator[pl.DataFrame]:
    wanted, line = source.wanted, 0
    with open_parquet(path) as file:
        require(file.schema_arrow.names, wanted, path)
        for batch in file.iter_batches(BLOCK, columns=list(wanted.values())):
            frame = pl.DataFrame(pl.from_arrow(batch)).select(pl.col(name).alias(ours) for ours, name in wanted.items())
            yield frame.with_columns(pl.int_range(line + 1, line + 1 + len(frame), dtype=pl.Int64).alias(LINE))
            line += len(frame)
    faults.rows += line


def require(names: list[str], wanted: dict[str, str], path: Path) -> None:
    """Refuse a later file of a glob that lacks a column of the first."""
    if absent := [name for name in wanted.values() if name not in names]:
        raise DataError(path, f"no column {absent[0]!r}", "the columns of the first file")


def _delimited_names(path: Path) -> list[str]:
    return [name for name in next(stream_rows(path, Faults())).columns if name != LINE]


def _delimited_frames(path: Path, source: Input, faults: Faults) -> Iterator[pl.DataFrame]:
    for frame in stream_rows(path, faults, block=BLOCK):
        require(frame.columns, source.wanted, path)
        yield frame.select(LINE, *(pl.col(name).alias(ours) for ours, name in source.wanted.items()))


def _objects(path: Path, faults: Faults) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number and object of each line that is not blank; others are refused."""
    with open_text(path, "utf-8") as file:
        for line, text in enumerate(file, 1):
            if not text.strip():
                continue
            faults.rows += 1
            try:
                content = None if is_broken(text) else json.loads(text)
            except (ValueError, RecursionError):
                content = None
            if isinstance(content, dict):
                yield line, content
            else:
                faults.refuse("no JSON object in UTF-8", label(path), [line])


def _json_names(path: Path) -> list[str]:
    return list(next(_objects(path, Faults()), (0, {}))[1])


def _json_frames(path: Path, source: Input, faults: Faults) -> Iterator[pl.DataFrame]:
    wanted = source.wanted
    rows: dict[str, list[Any]] = {name: [] for name in (LINE, *wanted)}
    for line, content in _objects(path, faults):
        rows[LINE].append(line)
        for ours, name in wanted.items():
            rows[ours].append((_list if ours == HISTORY else _text)(content.get(name)))
        if len(rows[LINE]) == BLOCK:
            yield pl.DataFrame(rows, schema=_schema(rows))
            rows = {name: [] for name in rows}
    yield pl.DataFrame(rows, schema=_schema(rows))


def _schema(rows: dict[str, list[Any]]) -> dict[str, Any]:
    return {name: {LINE: pl.Int64, HISTORY: pl.List(pl.String)}.get(name, pl.String) for name in rows}


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _list(value: Any) -> Sequence[str | None] | None:
    if isinstance(value, list):
        return [_text(part) for part in value]
    text = _text(value)
    return None if text is None else text.split()


NAMES: dict[str, Callable[[Path], list[str]]] = {".parquet": _parquet_names}
FRAMES: dict[str, Callable[[Path, Input, Faults], Iterator[pl.DataFrame]]] = {".parquet": _parquet_frames}
for suffix in (".jsonl", ".ndjson", ".json"):
    NAMES[suffix], FRAMES[suffix] = _json_names, _json_frames
