"""Rows of a table that hold a list of items: each entry is a click of the row's user, in the order of the list."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import polars as pl
import polars.selectors as cs

from distill_rec.data.faults import Faults
from distill_rec.data.rows import LINE, OWN, named
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import DataError

BRACKETED = r"(?s)^\s*\[(.*)\]\s*$"
"""A list as Python or JSON writes it: `['a', 'b']`."""
PARALLEL = 0.5


def check_form(part: pl.DataFrame, section: DataSection, file: str) -> None:
    """Whether a table's rows are a click each, or lists, as the section says.

    Raises:
        DataError: a list would be taken for one id, or an id beside the list be left out.
    """
    item, sequence = section.item_column, section.sequence_column
    if not sequence and isinstance(part.schema.get(item), pl.List):
        do = f"Set data.sequence_column = {item!r}: each entry is a click then."
        raise DataError(file, f"lists in column {item!r}", "one item's id a row", do)
    if sequence and item != sequence and item in part.columns:
        found = f"a column {item!r} beside the lists of {sequence!r}, which hold all of a row's clicks"
        do = f"Set data.item_column = {sequence!r} (and data.item_id_column to the id's name in the items)."
        raise DataError(file, found, "lists alone", do)


def unrolled(
    part: pl.DataFrame, section: DataSection, beside: Collection[str], file: str, faults: Faults
) -> pl.DataFrame:
    """A row a click: the ids under the item's column, with the user, the line and these columns.

    Args:
        beside: columns that may hold a list too, an entry for each item (times, say), or one value for all of them.
    """
    sequence, separator = section.sequence_column, section.sequence_separator
    lists = listed(part, sequence, beside, separator)
    frame = part.with_columns(entries(part[name], separator) for name in lists)
    frame = refuse_uneven(part, frame, lists, file, faults)
    rows = len(frame)
    exploded = frame.explode(cs.by_name(lists))
    faults.rows += len(exploded) - rows
    return exploded.with_columns(named(sequence).alias(section.item_column))


def listed(part: pl.DataFrame, sequence: str, beside: Collection[str], separator: str) -> list[str]:
    """The column of the items, and those beside it that hold a list too."""
    lengths = entries(part[sequence], separator).list.len()
    return [sequence, *(name for name in beside if name != sequence and is_list(part[name], lengths, separator))]


def is_list(values: pl.Series, lengths: pl.Series, separator: str) -> bool:
    """Whether a column has an entry for each item, and not one value for all of a row."""
    return isinstance(values.dtype, pl.List) or (values.dtype == pl.String and is_parallel(values, lengths, separator))


def is_parallel(values: pl.Series, lengths: pl.Series, separator: str) -> bool:
    """Whether of the rows of several items most have as many entries here."""
    same = (entries(values, separator).list.len() == lengths).filter(lengths > 1)
    return bool(len(same)) and float(same.mean() or 0.0) > PARALLEL  # type: ignore[arg-type]


def entries(values: pl.Series, separator: str) -> pl.Series:
    """Lists of text: as they are, or split at the separator; brackets around a list, and quotes in them, are taken off.

    Blanks that separate may be several; a separator at the end ends nothing.
    """
    if isinstance(values.dtype, pl.List):
        return values.cast(pl.List(pl.String)).fill_null([])
    text = pl.col("x")
    inside = text.str.replace(BRACKETED, "$1")
    around = " \t\r\n\f"
    bare = inside.str.strip_chars(around).str.strip_chars_end(separator)
    if separator.isspace():
        parts = bare.str.replace_all(r"\s+", " ").str.split(" ")
    else:
        parts = bare.str.split(separator).list.eval(pl.element().str.strip_chars(around))
    unquoted = parts.list.eval(pl.element().str.strip_chars("'\""))
    whole = pl.when(text.str.contains(BRACKETED)).then(unquoted).otherwise(parts)
    filled = pl.when(bare == "").then(pl.lit([], pl.List(pl.String))).otherwise(whole)
    texts = values.cast(pl.String).to_frame("x")
    return texts.select(filled.fill_null([]).alias(values.name))[values.name]


def refuse_uneven(
    part: pl.DataFrame, frame: pl.DataFrame, lists: Sequence[str], file: str, faults: Faults
) -> pl.DataFrame:
    """Rows whose lists go together and are not empty."""
    sequence = lists[0]
    good = pl.Series([True] * len(frame))
    for name in lists[1:]:
        uneven = good & (frame[name].list.len() != frame[sequence].list.len())
        expected = f"as many entries as {sequence!r} has"
        bad = part.filter(uneven)
        values = bad[name] if bad.schema[name] == pl.String else bad[name].list.join(" ")
        reason = f"a list of another length than that of {sequence!r}"
        faults.refuse(reason, file, bad[LINE].to_list(), values, name, expected)
        good &= ~uneven
    empty = good & (frame[sequence].list.len() == 0)
    faults.mend("a row without an item in its list", file, frame.filter(empty)[LINE].to_list())
    return frame.filter(good & ~empty)


def as_text(frame: pl.DataFrame, kept: Collection[str] | None = ()) -> pl.DataFrame:
    """Lists as text, their entries joined by blanks, but for the columns that are kept (None: all)."""
    if kept is None:
        return frame
    lists = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List) and name not in kept]
    return frame.with_columns(named(name).list.join(" ") for name in lists)


def texts_in_lists(frame: pl.DataFrame) -> pl.DataFrame:
    """Lists of any kind as lists of text."""
    columns = []
    for name, dtype in frame.schema.items():
        if not isinstance(dtype, pl.List | pl.Array) or name in OWN:
            continue
        values = named(name).arr.to_list() if isinstance(dtype, pl.Array) else named(name)
        timed = dtype.inner in (pl.Datetime, pl.Date)
        entry = pl.element().dt.to_string("iso:strict") if timed else pl.element().cast(pl.String)
        columns.append(values.list.eval(entry))
    return frame.with_columns(columns)
