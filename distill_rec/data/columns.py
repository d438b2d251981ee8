"""Whether the files of a recipe have the columns that it names; headers alone are read."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from distill_rec.data.faults import Faults
from distill_rec.data.rows import find_files, label, stream_rows
from distill_rec.data.table import READERS, click_columns, require
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import DataError

RECBOLE = {"clicks": "*.inter", "items": "*.item"}


def require_columns(section: DataSection, base: Path) -> None:
    """What `prepare` would find after it has read all rows, found at once.

    MIND has no header, and lines of JSON may each have keys of their own: neither is looked at.

    Raises:
        DataError: a file or a column is missing.
    """
    if section.format == "mind":
        return
    defaults = RECBOLE if section.format == "recbole" else dict.fromkeys(RECBOLE, "")
    wanted = {"clicks": click_columns(section), "items": {"data.item_column": section.item_column}}
    for key, columns in wanted.items():
        pattern = getattr(section, key) or defaults[key]
        if not pattern:
            raise DataError(f"data.{key}", "not given", "a file or glob", f"Set data.{key} in the recipe.")
        for path in find_files(base / section.path, pattern):
            header = _header(path, section)
            if header is not None:
                require(header, columns, label(path))


def _header(path: Path, section: DataSection) -> pl.DataFrame | None:
    """A frame of no rows with a file's columns; None for lines of JSON."""
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    if suffix.lower() == ".parquet":
        return pl.DataFrame(schema=pl.read_parquet_schema(path))
    if section.format == "table" and suffix.lower() in READERS:
        return None
    recbole = section.format == "recbole"
    rows = stream_rows(
        path, Faults(), encoding=section.encoding, delimiter="\t" if recbole else None, quoted=not recbole
    )
    header = next(rows)
    return header.rename({name: name.split(":")[0] for name in header.columns}) if recbole else header
