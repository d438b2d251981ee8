"""Whose the rows of a log are, counted in its files without preparing them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl

from distill_rec.data.cautions import Caution, heavy_users
from distill_rec.data.faults import Faults
from distill_rec.data.recbole import FORM, typed
from distill_rec.data.rows import stream_rows, suffix_of
from distill_rec.data.table import click_parts
from distill_rec.data.where import passes, where_columns
from distill_rec.frames import read_frame
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import DistillRecError

MOST_COUNTED = 2_000_000
"""Rows of text whose users are counted: some seconds."""


def rows_of_users(section: DataSection, files: list[Path], rows: int) -> pl.DataFrame | None:
    """Columns `user`, `len` and `clicks`, the rows whose rating makes them a click; the longest first. Rows that
    `data.where` leaves out are none.

    None where they cannot be had cheaply (lines of JSON, MIND, very long files).

    Args:
        rows: of the files.
    """
    suffixes = {suffix_of(path) for path in files}
    if section.format == "mind" or not files or suffixes & {".jsonl", ".ndjson", ".json"}:
        return None
    if rows > MOST_COUNTED and suffixes != {".parquet"}:
        return None
    try:
        parts = [part for path in files for part in _counts(_blocks(path, section, _columns(section)), section)]
    except (DistillRecError, pl.exceptions.PolarsError, OSError):
        return None  # the preparation says what is wrong
    return _joined(parts)


def rows_of_lists(section: DataSection, folder: Path) -> pl.DataFrame:
    """The same of a table whose rows hold lists of items: each entry counts.

    Raises:
        DataError: a file or column is missing.
    """
    blocks = (part for part, _ in click_parts(section, folder, None, Faults()))
    return _joined(_counts(blocks, section))


def _joined(parts: list[pl.DataFrame]) -> pl.DataFrame:
    counts = pl.concat(parts).group_by("user").agg(pl.col("len", "clicks").sum()).drop_nulls("user")
    return counts.filter(pl.col("user") != "").sort("len", "user", descending=[True, False])


def _columns(section: DataSection) -> list[str]:
    rating = [section.rating_column] if section.rating_column else []
    return list(dict.fromkeys([section.user_column, *where_columns(section.where), *rating]))


def _counts(blocks: Iterable[pl.DataFrame], section: DataSection) -> list[pl.DataFrame]:
    user, clicks = pl.col(section.user_column).cast(pl.String).alias("user"), pl.len()
    if section.rating_column:
        clicks = (pl.col(section.rating_column).cast(pl.Float64, strict=False) >= section.min_rating).sum()
    count = pl.len().alias("len"), clicks.cast(pl.UInt32).alias("clicks")
    kept = (block.filter(passes(block, section.where)) if section.where else block for block in blocks)
    return [block.group_by(user).agg(*count) for block in kept]


def _blocks(path: Path, section: DataSection, columns: list[str]) -> Iterable[pl.DataFrame]:
    if suffix_of(path) == ".parquet":
        return [read_frame(path, columns)]
    form = FORM if section.format == "recbole" else {}
    blocks = stream_rows(path, Faults(), encoding=section.encoding, **form)
    return (typed(block, path) for block in blocks) if section.format == "recbole" else blocks


def heavy_of(counts: pl.DataFrame) -> tuple[Caution, ...]:
    """Users with a large part of the rows."""
    names = counts["user"]
    return tuple(heavy_users(counts["len"].to_numpy().astype(np.int64), lambda user: str(names[user])))


def windows_of(counts: pl.DataFrame, share: float, max_history: int) -> int:
    """Windows of training, about.

    Args:
        counts: column `clicks`, of each user.
        share: of the rows that are training clicks.
    """
    clicks = np.ceil(counts.filter(pl.col("clicks") > 0)["clicks"].to_numpy() * share)
    stride = max(1, max_history // 2)
    return int((1 + np.ceil(np.maximum(clicks - 1 - max_history, 0) / stride)).sum())
