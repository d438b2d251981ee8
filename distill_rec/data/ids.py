"""Ids that were made floats (`31.0`), or got blanks around them, by a program that wrote the file."""

from __future__ import annotations

import polars as pl

WHOLE = r"^(0|[1-9][0-9]*)(\.0+)?$"
"""A whole number as an id: `00123` is none, as nothing that reads numbers leaves its zeros."""


def plain(column: str) -> pl.Expr:
    """An id without blanks around it and without the `.0` of a float."""
    stripped = pl.col(column).str.strip_chars()
    return pl.when(stripped.str.contains(WHOLE)).then(stripped.str.replace(r"\.0+$", "")).otherwise(stripped)


def mended_by_column(ids: pl.Series) -> pl.Series:
    """Ids that no other file knows: plain where all of them are whole numbers, else only without their blanks."""
    stripped = ids.str.strip_chars()
    present = stripped.filter((stripped != "").fill_null(False))
    if not len(present) or not present.str.contains(WHOLE).all():
        return stripped
    return stripped.str.replace(r"\.0+$", "")


def mended_by_catalogue(ids: pl.Series, known: pl.Series) -> pl.Series:
    """Ids as the catalogue has them, where one and only one of its ids is the same number or text.

    Args:
        known: the catalogue's ids; what is in it is left as it is.
    """
    names = known.alias("known").to_frame().with_columns(plain("known").alias("plain"))
    single = names.filter(~pl.col("plain").is_duplicated())
    distinct = ids.alias("id").to_frame().unique().filter(pl.col("id").is_not_null())
    unknown = distinct.join(names, left_on="id", right_on="known", how="anti")
    found = unknown.with_columns(plain("id").alias("plain")).join(single, on="plain", how="inner")
    return ids if not len(found) else ids.replace(found["id"], found["known"])
