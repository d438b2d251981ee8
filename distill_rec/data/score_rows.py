"""Rows of a file of scores, in long form and checked: what is no score, no id, or there twice is told by its row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from distill_rec.data.faults import Faults
from distill_rec.data.rows import LINE, named, read_rows, suffix_of
from distill_rec.frames import read_frame, read_json_lines
from distill_rec.runtime.errors import DataError

ROW = "row of the file"
FORMS = "a Parquet, CSV or JSON lines file of scores"


@dataclass(frozen=True)
class ScoreFile:
    """Where scores lie, and what their columns are called.

    Attributes:
        key: section of the recipe whose keys (`KEY.score_column`) name the columns, for messages.
        sample: column of the sample, as `samples_of` names it; "": rows are a user's.
        user, time: columns of the user and, unless "", of the sample's time in seconds.
        rank: column that is read where the file has no `score`, 1 is best; "": scores must be there.
        rest: column of `ListedScores.rest`; "": not known.
    """

    path: Path
    key: str
    item: str = "item_id"
    score: str = "score"
    rank: str = ""
    sample: str = ""
    user: str = "user_id"
    time: str = ""
    rest: str = ""
    unknown: Literal["refuse", "skip"] = "refuse"

    def columns(self) -> dict[str, str]:
        """What is read besides the score, and the column of each."""
        wanted = {"item": self.item}
        if self.sample:
            wanted["sample"] = self.sample
        else:
            wanted["user"] = self.user
            wanted |= {"time": self.time} if self.time else {}
        return wanted | ({"rest": self.rest} if self.rest else {})


def read_score_rows(file: ScoreFile) -> pl.DataFrame:
    """`row of the file` (from 0), item (text), score (float32), and what else the columns name.

    Raises:
        DataError: naming file, row and column.
    """
    frame, wanted = _frame(file.path), file.columns()
    for key, column in wanted.items():
        if column not in frame.columns:
            raise _no_column(file, frame, key, column)
    if frame.is_empty():
        raise DataError(file.path, "no rows", "a row for each sample (or user) and item")
    scored = next((name for name in (file.score, file.rank) if name and name in frame.columns), "")
    of_lists = isinstance(frame.schema[file.item], pl.List)
    if not scored and not of_lists:
        raise _no_column(file, frame, "score", file.score)
    kept = [named(column).alias(key) for key, column in wanted.items()]
    frame = frame.select(*kept, *([named(scored).alias("score")] if scored else [])).with_row_index(ROW)
    frame = _unlisted(file, frame, scored) if of_lists else frame
    return _checked(file, frame, wanted | {"score": scored or file.item}, ranked=scored != file.score and bool(scored))


def _frame(path: Path) -> pl.DataFrame:
    """The file as it stands; its rows in its order."""
    suffix = suffix_of(path)
    try:
        if suffix in (".jsonl", ".ndjson", ".json"):
            return read_json_lines(path)
        if suffix != ".parquet":
            faults = Faults()
            rows = read_rows(path, faults)
            if faults.refused_count:
                first = faults.first_refused()[0]
                raise DataError(f"{path}, line {first['line']}", first["reason"], first["expected"] or FORMS)
            return rows.drop(LINE)
        return read_frame(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(path, f"cannot be read: {error}", FORMS) from error


def _no_column(file: ScoreFile, frame: pl.DataFrame, key: str, column: str) -> DataError:
    what = repr(column) if key != "score" or not file.rank else f"{column!r} and none {file.rank!r}"
    found = f"no column {what}; there are {', '.join(map(repr, frame.columns))}"
    return DataError(file.path, found, "", f"Name it with {file.key}.{key}_column.")


def _unlisted(file: ScoreFile, frame: pl.DataFrame, scored: str) -> pl.DataFrame:
    """Lists of items as a row each; without scores their order is the rank."""
    if not scored:
        places = pl.int_ranges(1, pl.col("item").list.len() + 1).cast(pl.List(pl.Float32))
        frame = frame.with_columns((-1 * places).alias("score"))
    elif not isinstance(frame.schema["score"], pl.List):
        raise DataError(f"{file.path}, column {scored}", "one value for a list of items", "as many as there are items")
    uneven = frame.filter(pl.col("item").list.len() != pl.col("score").list.len())
    if len(uneven):
        found = "lists of different lengths"
        raise DataError(f"{file.path}, row {uneven[ROW][0] + 1}, column {scored}", found, "a value for each item")
    return frame.explode("item", "score", empty_as_null=False)


def _checked(file: ScoreFile, frame: pl.DataFrame, wanted: dict[str, str], ranked: bool) -> pl.DataFrame:
    """Types, gaps and scores that are no numbers; ranks turned into scores."""
    frame = frame.with_columns(_number(file, frame, key, wanted[key]) for key in ("score", "rest") if key in wanted)
    if "time" in wanted:
        frame = frame.with_columns(_seconds(file, frame["time"], wanted["time"]))
    frame = frame.with_columns(pl.col(key).cast(pl.String) for key in ("item", "sample", "user") if key in wanted)
    for key, column in wanted.items():
        bad = pl.col(key).is_null()
        bad = bad | ~pl.col("score").is_finite() if key == "score" else bad
        rows = frame.filter(bad)
        if len(rows):
            first = rows.row(0, named=True)
            expected = "a finite number" if key == "score" else "a value"
            where, found = (
                f"{file.path}, row {first[ROW] + 1}, column {column}",
                f"{first[key]} ({len(rows):,} such rows)",
            )
            raise DataError(where, found, expected, "Leave out what has no score.")
    _refuse_twice(file, frame, wanted)
    return frame.with_columns(-pl.col("score")) if ranked else frame


def _number(file: ScoreFile, frame: pl.DataFrame, key: str, column: str) -> pl.Series:
    """As float32; text, which is all that CSV holds, where each value is a number."""
    values = frame[key]
    if values.dtype == pl.String:
        numbers = values.str.strip_chars().cast(pl.Float32, strict=False)
        wrong = numbers.is_null() & values.is_not_null()
        if wrong.all():
            found = f"values of type {values.dtype}"
            raise DataError(f"{file.path}, column {column}", found, "numbers", f"Name it with {file.key}.{key}_column.")
        if wrong.any():
            row = int(np.argmax(wrong.to_numpy()))
            raise DataError(f"{file.path}, row {frame[ROW][row] + 1}, column {column}", f"{values[row]!r}", "a number")
        return numbers
    if not values.dtype.is_numeric():
        raise DataError(
            f"{file.path}, column {column}",
            f"values of type {values.dtype}",
            "numbers",
            f"Name it with {file.key}.{key}_column.",
        )
    return values.cast(pl.Float32)


def _seconds(file: ScoreFile, times: pl.Series, column: str) -> pl.Series:
    if times.dtype.is_temporal():
        return times.dt.epoch("s")
    if times.dtype == pl.String and (numbers := times.cast(pl.Int64, strict=False)).null_count() == times.null_count():
        return numbers
    if not times.dtype.is_integer():
        found = f"values of type {times.dtype}"
        raise DataError(f"{file.path}, column {column}", found, "seconds, or date and time")
    return times


def _refuse_twice(file: ScoreFile, frame: pl.DataFrame, wanted: dict[str, str]) -> None:
    keys = [key for key in ("sample", "user", "time", "item") if key in wanted]
    twice = frame.filter(pl.struct(keys).is_duplicated())
    if len(twice):
        last = twice.row(1, named=True)
        found = f"{', '.join(str(last[key]) for key in keys)} has more than one score"
        where = f"{file.path}, row {last[ROW] + 1}, column {wanted[keys[0]]}"
        raise DataError(where, found, f"one row for each {' and '.join(keys)}")
