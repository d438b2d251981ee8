"""The files that `init` looks at, read as `prepare` reads them."""

from __future__ import annotations

import glob
from collections import Counter
from pathlib import Path

import polars as pl

from distill_rec.data.faults import Faults
from distill_rec.data.rows import FILE, LINE, find_files, named
from distill_rec.data.table import parts_of
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import DataError

ENDINGS = (".parquet", ".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".txt")
PACKED = ".gz"


def pattern_in(place: str) -> str:
    """An absolute file or glob for what somebody named: a file, a glob, or a folder, whose files of one kind are meant.

    Raises:
        DataError: a folder without a file that can be read.
    """
    path = Path(place).expanduser().absolute()
    if not path.is_dir():
        return str(path)
    counts = Counter(ending for file in path.iterdir() if file.is_file() and (ending := _ending(file.name)))
    if not counts:
        found = f"a folder without a file of clicks or items ({', '.join(ENDINGS)})"
        raise DataError(path, found, "a file, a glob, or a folder of such files")
    return str(Path(glob.escape(str(path))) / f"*{counts.most_common(1)[0][0]}")


def _ending(name: str) -> str | None:
    plain = name.lower().removesuffix(PACKED)
    if name.startswith((".", "_")) or not plain.endswith(ENDINGS):
        return None
    return Path(plain).suffix + (PACKED if name.lower().endswith(PACKED) else "")


def look(pattern: str, encoding: str) -> pl.DataFrame:
    """All rows of some files, with file and line: values as text or lists of text, but for times that are dates.

    Raises:
        DataError: there is none, or they cannot be read.
    """
    section = DataSection(clicks=pattern, encoding=encoding)
    find_files(Path(), pattern)
    parts = []
    for part, file in parts_of(section, Path(), None, "clicks", Faults(), None):
        kept = (pl.Date, pl.Datetime, pl.List)
        texts = [name for name, kind in part.schema.items() if kind not in kept and name != LINE]
        whole = part.with_columns(named(name).cast(pl.String, strict=False) for name in texts)
        parts.append(whole.with_columns(pl.lit(file).alias(FILE)))
    if len({tuple(part.schema.items()) for part in parts}) > 1:
        lists = {name for part in parts for name, kind in part.schema.items() if isinstance(kind, pl.List)}
        parts = [_alike(part, lists) for part in parts]
    rows = pl.concat(parts, how="diagonal")
    if not len(rows):
        raise DataError(pattern, "no rows", "a header and rows, or lines of JSON")
    return rows


def _alike(part: pl.DataFrame, lists: set[str]) -> pl.DataFrame:
    """A file's rows as text, and as lists of text in these columns."""
    texts = part.with_columns(pl.exclude(LINE, *(name for name in lists if name in part.columns)).cast(pl.String))
    single = [name for name in lists if name in part.columns and not isinstance(part.schema[name], pl.List)]
    value = {name: named(name).cast(pl.String) for name in single}
    return texts.with_columns(
        pl.when(one.is_not_null()).then(pl.concat_list(one)).alias(name) for name, one in value.items()
    )
