"""Text templates: `"{title} ({year})"` and an item's fields to its text.

A field may be called anything that a file's header can say (`{Product Name}`, `{product.title}`); a brace or backslash
in its name has a backslash before it. One rule for empty fields: brackets that are left empty go, runs of white space
become one space, and the ends are trimmed. One rule for HTML entities, where the data set's are read as characters: in
fields and in the whole text, also of what was escaped twice. Training and serving both use them.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping

EMPTY_BRACKETS = r"\(\s*\)|\[\s*\]"
SPACES = r"\s+"
PIECES = re.compile(r"\{\{|\}\}|\{((?:[^{}\\]|\\.)+)\}|[{}]|[^{}]+", re.DOTALL)
ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def pieces_of(template: str) -> Iterator[tuple[str, str | None]]:
    """Literal text and the field behind it (None: no field), in order.

    Raises:
        ValueError: a brace is not closed, or stands for nothing.
    """
    for match in PIECES.finditer(template):
        piece, name = match[0], match[1]
        if name is not None:
            yield "", ESCAPED.sub(r"\1", name)
        elif piece in ("{", "}"):
            raise ValueError(f"a brace {piece!r} that is alone; double it where it is text")
        else:
            yield (piece[0] if piece in ("{{", "}}") else piece), None


def field(name: str) -> str:
    """A field as a template names it."""
    return "{" + re.sub(r"([{}\\])", r"\\\1", name) + "}"


PASSES = 8
"""Times that a text may have been escaped; bounded, because a request may hold a text that is nothing but escapes."""


def fields_of(template: str) -> list[str]:
    """Names of the fields that a template reads, in order.

    Raises:
        ValueError: a brace is not closed, or stands for nothing.
    """
    return [name for _, name in pieces_of(template) if name is not None]


def render(template: str, fields: Mapping[str, str], unescape_html: bool = False) -> str:
    """The text of an item; a field that is missing or None is empty."""
    pieces = (
        literal if name is None else _text(fields.get(name), unescape_html) for literal, name in pieces_of(template)
    )
    text = re.sub(SPACES, " ", re.sub(EMPTY_BRACKETS, "", "".join(pieces))).strip()
    return unescaped(text) if unescape_html else text


def _text(value: object, unescape_html: bool) -> str:
    if value is None:
        return ""
    return unescaped(value) if unescape_html and isinstance(value, str) else str(value)


def unescaped(text: str) -> str:
    """With HTML entities as characters; a text that has none is left as it is."""
    for _ in range(PASSES):
        before, text = text, html.unescape(text)
        if text == before:
            break
    return text


def unescaped_text(text: str) -> str:
    """A whole text as training read it; where it held entities, white space among them is as `render` leaves it."""
    after = unescaped(text)
    return text if after == text else re.sub(SPACES, " ", after).strip()
