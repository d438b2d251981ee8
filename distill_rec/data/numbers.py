"""Numbers that were written for people: a comma may be the decimal one, or part thousands."""

from __future__ import annotations

import polars as pl

COMMA = r"^\s*[+-]?\d+(,\d+)?\s*$"
GROUPED = r"^\s*[+-]?\d{1,3}(,\d{3})+(\.\d+)?\s*$"


def numbers(values: pl.Series) -> tuple[pl.Series, int]:
    """Float64 of each text, null where there is none, and how many had a decimal comma.

    Commas are decimal where the column has one that cannot part thousands (`4,5`), else they part thousands.
    """
    texts = values.cast(pl.String).str.strip_chars()
    found = texts.cast(pl.Float64, strict=False)
    with_comma = found.is_null() & texts.str.contains(",", literal=True).fill_null(False)
    if not with_comma.any():
        return found, 0
    commas = texts.filter(with_comma)
    decimal = (commas.str.contains(COMMA) & ~commas.str.contains(GROUPED)).any()
    form, sign = (COMMA, ".") if decimal else (GROUPED, "")
    rewritten = pl.when(pl.col("x").str.contains(form)).then(pl.col("x").str.replace_all(",", sign, literal=True))
    other = texts.alias("x").to_frame().select(rewritten)["x"].cast(pl.Float64, strict=False)
    return found.fill_null(other), int((other.is_not_null() & with_comma).sum()) if decimal else 0
