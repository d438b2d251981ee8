"""Whether the files of a recipe have the columns that it names; headers alone are read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from distill_rec.data.faults import Faults
from distill_rec.data.mind import NEWS
from distill_rec.data.recbole import FORM, typed
from distill_rec.data.rows import label, stream_rows, suffix_of
from distill_rec.data.sequences import check_form
from distill_rec.data.table import (
    READERS,
    files_of,
    has_no_items,
    input_files,
    items_id,
    require,
    unnested,
    used_columns,
)
from distill_rec.data.text import template_fields
from distill_rec.frames import empty_frame
from distill_rec.recipe import DataSection


def require_columns(
    section: DataSection, base: Path, further: Mapping[str, list[tuple[str, str]]] | None = None
) -> None:
    """What `prepare` would find after it has read all rows, found at once.

    MIND has no header, and lines of JSON may each have keys of their own: neither is looked at.

    Args:
        further: columns that others read of "clicks" or "items": the key that names each, and the column.

    Raises:
        DataError: a file or a column is missing.
    """
    further = further or {}
    if section.format == "mind":
        input_files(section, base)
        require(pl.DataFrame(schema=dict.fromkeys(NEWS, pl.String)), further.get("items", []), "news.tsv")
        return
    wanted = {"clicks": used_columns(section), "items": [items_id(section)]}
    own = section.item_column if section.sequence_column else None  # the lists' entries, under no column of the file
    fields = [("data.text", name) for name in template_fields(section.text)]
    if has_no_items(section):
        wanted = {"clicks": [*wanted["clicks"], *(field for field in fields if field[1] != own)]}
    else:
        wanted["items"] += fields
    for key, more in further.items():
        wanted[key if key in wanted else "clicks"] += more
    for key, columns in wanted.items():
        for path in files_of(section, base / section.path, key):
            header = _header(path, section)
            if header is not None:
                require(header, columns, label(path))
                if key == "clicks" and section.format == "table":
                    check_form(header, section, label(path))


def _header(path: Path, section: DataSection) -> pl.DataFrame | None:
    """A frame of no rows with a file's columns; None for lines of JSON."""
    if section.format == "recbole":
        return typed(next(stream_rows(path, Faults(), encoding=section.encoding, **FORM)), path)
    suffix = suffix_of(path)
    if suffix == ".parquet":
        return unnested(empty_frame(path))
    return None if suffix in READERS else next(stream_rows(path, Faults(), encoding=section.encoding))
