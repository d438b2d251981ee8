"""Items' texts: the template rendered over columns, by the rule of `distill_rec.runtime.template`."""

from __future__ import annotations

import difflib

import polars as pl

from distill_rec.data.rows import OWN, named
from distill_rec.runtime.errors import RecipeError
from distill_rec.runtime.template import EMPTY_BRACKETS, SPACES, field, fields_of, pieces_of, unescaped

# Python's white space has four control characters that the regular expressions of polars do not count as such.
_SPACE = r"[\s\x1c-\x1f]"
_RUST_BRACKETS = EMPTY_BRACKETS.replace(r"\s", _SPACE)
_RUST_SPACES = SPACES.replace(r"\s", _SPACE)
TEXT = "data.text"


def template_fields(template: str, key: str = TEXT) -> list[str]:
    """Fields of a template.

    Args:
        key: of the recipe that the template is of, for messages.

    Raises:
        RecipeError: it cannot be read.
    """
    try:
        return fields_of(template)
    except ValueError as error:
        raise RecipeError(key, f"{template!r}: {error}", "field names in braces") from error


def check_template(template: str, columns: list[str], do: str = "", key: str = TEXT) -> list[str]:
    """Fields of a template, all of which the items have.

    Args:
        do: what else to say where they have not.
        key: of the recipe that the template is of.

    Raises:
        RecipeError: it cannot be read, has no field, or names a field that the items do not have.
    """
    names = template_fields(template, key)
    if not names:
        raise RecipeError(key, f"{template!r} has no field", f"one of {', '.join(columns)}, in braces")
    for name in names:
        if name not in columns:
            near = difflib.get_close_matches(name, columns, 1)
            hint = f"Did you mean {field(near[0])}? {do}".strip() if near else do
            raise RecipeError(key, f"unknown field {{{name}}}", f"one of {', '.join(columns)}", hint)
    return names


def render_column(items: pl.DataFrame, template: str, unescape_html: bool = False) -> pl.Series:
    """The text of each item; with `unescape_html`, also without entities that only the template puts together."""
    check_template(template, [name for name in items.columns if name not in OWN])
    pieces: list[pl.Expr] = []
    for literal, name in pieces_of(template):
        pieces.append(pl.lit(literal) if name is None else named(name).cast(pl.String).fill_null(""))
    text = (
        pl.concat_str(pieces).str.replace_all(_RUST_BRACKETS, "").str.replace_all(_RUST_SPACES, " ").str.strip_chars()
    )
    texts = items.select(text.alias("text"))["text"]
    return _unescaped(texts) if unescape_html else texts


def unescape(items: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """HTML entities in the named columns turned into characters."""
    return items.with_columns([_unescaped(items[name]) for name in names if name != "item_id"])


def _unescaped(series: pl.Series) -> pl.Series:
    if series.dtype != pl.String or not series.str.contains("&", literal=True).any():
        return series
    return pl.Series(series.name, [None if value is None else unescaped(value) for value in series.to_list()])
