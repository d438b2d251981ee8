"""How much data there is, counted in its files without preparing them."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import polars as pl

from distill_rec.data.cautions import Caution
from distill_rec.data.more import more_files
from distill_rec.data.rows import find_files, suffix_of
from distill_rec.data.table import distinct_items, has_no_items
from distill_rec.estimates import TRAINING, Sizes
from distill_rec.files import cache_folder
from distill_rec.pipeline.users import heavy_of, rows_of_lists, rows_of_users, windows_of
from distill_rec.processes import usable_threads
from distill_rec.recipe import DataSection
from distill_rec.recipe_check import kind_of
from distill_rec.runtime.errors import DataError

USUAL_HISTORY = 40
UNFILTERED = Caution(
    "unfiltered",
    "rows are counted before data.where, which only the preparation can apply here: it leaves fewer, and all that is "
    "said of sizes, times and memory is too much",
    1.0,
)
PATTERNS = {"recbole": ("*.inter", "*.item"), "mind": ("behaviors.tsv", "news.tsv")}


def sizes_of(section: DataSection, base: Path) -> Sizes:
    """Counted in the input files, with the threads of this process."""
    return replace(_counted(section, base), threads=usable_threads())


def _counted(section: DataSection, base: Path) -> Sizes:
    """Of a demo's part that is not fetched yet the known sizes."""
    folder = base / section.path
    if section.path.startswith("demo:"):
        folder = cache_folder() / "demo" / section.path.removeprefix("demo:")
        if not folder.exists():
            return Sizes(100_000, 1_682, 1_529, rated=55_375, users=942)
    clicks, items = PATTERNS.get(section.format, ("", ""))
    files = _files(folder, section, "clicks", clicks)
    headed = section.format != "mind"
    rows = sum(_rows(path, headed) for path in files)
    n_items = sum(_rows(path, headed) for path in _files(folder, section, "items", items))
    if has_no_items(section) and files:
        n_items = distinct_items(section, folder)
    lists = bool(section.sequence_column) and section.format == "table"
    if section.sequence_column and not lists:  # a row a user, the items of its list apart by blanks, one behind them
        return _unfiltered(section, Sizes(2 * rows + sum(_count(path, b" ") for path in files), n_items, rows))
    shown = kind_of(section) == "impressions"
    counted = not shown or section.where
    counts = rows_of_users(section, files, rows) if counted and not lists else None
    if lists and files:
        counts = rows_of_lists(section, folder)
        rows = int(counts["len"].sum())
    if counts is None:
        return _unfiltered(section, Sizes(rows, n_items, rows if shown else rows // USUAL_HISTORY, impressions=shown))
    kept = int(counts["len"].sum()) if section.where else rows
    if shown:
        return Sizes(kept, n_items, kept, rows=rows, impressions=True)
    if not counts["clicks"].sum():  # ratings that only the preparation can read
        counts = counts.with_columns(clicks=pl.col("len"))
    rated, users = int(counts["clicks"].sum()), int((counts["clicks"] > 0).sum())
    windows = windows_of(counts, TRAINING, section.max_history)
    return Sizes(kept, n_items, windows, heavy_of(counts), rated, users, rows=rows)


def _unfiltered(section: DataSection, sizes: Sizes) -> Sizes:
    """With a caution that rows are counted which `data.where` will leave out, where there is one."""
    return replace(sizes, heavy=(UNFILTERED,)) if section.where and sizes.clicks else sizes


def _files(folder: Path, section: DataSection, key: str, usual: str) -> list[Path]:
    pattern = getattr(section, key) or usual
    try:
        found = find_files(folder, pattern) if pattern else []
        return found + more_files(section, folder, key, found)
    except DataError:
        return []


def _rows(path: Path, headed: bool) -> int:
    """Rows of a file, about: a field may hold line ends."""
    suffix = suffix_of(path)
    if suffix == ".parquet":
        import pyarrow.parquet as pq

        with path.open("rb") as file:
            return int(pq.ParquetFile(file).metadata.num_rows)
    headed = headed and suffix not in (".jsonl", ".ndjson", ".json")
    return max(_count(path) - headed, 0)


def _count(path: Path, byte: bytes = b"\n") -> int:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        return sum(chunk.count(byte) for chunk in iter(lambda: file.read(1 << 20), b""))
