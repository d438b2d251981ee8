"""Items' texts: the template rendered over columns, by the rule of `distill_rec.runtime.template`."""

from __future__ import annotations

import difflib
import html

import polars as pl

from distill_rec.runtime.errors import RecipeError
from distill_rec.runtime.template import EMPTY_BRACKETS, SPACES, fields_of


def check_template(template: str, columns: list[str]) -> list[str]:
    """Fields of a template.

    Raises:
        RecipeError: it cannot be read, or it names a field that the items do not have.
    """
    try:
        names = fields_of(template)
    except ValueError as error:
        raise RecipeError("data.text", f"{template!r}: {error}", "field names in braces") from error
    for name in names:
        if name not in columns:
            near = difflib.get_close_matches(name, columns, 1)
            hint = f"Did you mean {{{near[0]}}}?" if near else ""
            raise RecipeError("data.text", f"unknown field {{{name}}}", f"one of {', '.join(columns)}", hint)
    return names


def render_column(items: pl.DataFrame, template: str) -> pl.Series:
    """The text of each item."""
    names = check_template(template, [name for name in items.columns if not name.startswith("__")])
    literal = template
    for name in names:
        literal = literal.replace(f"{{{name}}}", "{}")
    filled = pl.format(literal, *(pl.col(name).cast(pl.String).fill_null("") for name in names))
    text = filled.str.replace_all(EMPTY_BRACKETS, "").str.replace_all(SPACES, " ").str.strip_chars()
    return items.select(text.alias("text"))["text"]


def unescape(items: pl.DataFrame) -> pl.DataFrame:
    """HTML entities in all columns of text turned into characters."""

    def column(name: str) -> pl.Series:
        series = items[name]
        if series.dtype != pl.String or name.startswith("__") or not series.str.contains("&", literal=True).any():
            return series
        return pl.Series(name, [None if value is None else html.unescape(value) for value in series.to_list()])

    return items.with_columns([column(name) for name in items.columns])
