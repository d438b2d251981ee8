"""Frames from and to Parquet. Every reader and writer goes through an open file: a path is a path, and no pattern."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from distill_rec.files import writing


def read_frame(path: Path, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Read a Parquet file.

    Raises:
        OSError: there is no such file.
        polars.exceptions.PolarsError: it is no Parquet, or lacks a column.
    """
    with path.open("rb") as file:
        return pl.read_parquet(file, columns=None if columns is None else list(columns))


def read_json_lines(path: Path) -> pl.DataFrame:
    """Read a file of JSON objects, one a line; lists stay lists.

    Raises:
        OSError: there is no such file.
        polars.exceptions.PolarsError: it is none, or a key has values of types that do not go together.
    """
    with path.open("rb") as file:
        return pl.read_ndjson(file, infer_schema_length=None)


def empty_frame(path: Path) -> pl.DataFrame:
    """A frame of no rows with a Parquet file's columns."""
    with path.open("rb") as file:
        return pl.DataFrame(schema=pl.read_parquet_schema(file))


def write_frame(path: Path, frame: pl.DataFrame) -> None:
    """Write Parquet, whole or not at all."""
    with writing(path) as file:
        frame.write_parquet(file)
