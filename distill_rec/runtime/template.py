"""Text templates: `"{title} ({year})"` and an item's fields to its text.

A field may be called anything that a file's header can say (`{Product Name}`, `{product.title}`); a brace or backslash
in its name has a backslash before it. One rule for empty fields: brackets that are left empty go, runs of white space
become one space, and the ends are trimmed. Training and serving both use it.
"""

from __future__ import annotations

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


def fields_of(template: str) -> list[str]:
    """Names of the fields that a template reads, in order.

    Raises:
        ValueError: a brace is not closed, or stands for nothing.
    """
    return [name for _, name in pieces_of(template) if name is not None]


def render(template: str, fields: Mapping[str, str]) -> str:
    """The text of an item; a field that is missing or None is empty."""
    pieces = (literal if name is None else _text(fields.get(name)) for literal, name in pieces_of(template))
    return re.sub(SPACES, " ", re.sub(EMPTY_BRACKETS, "", "".join(pieces))).strip()


def _text(value: object) -> str:
    return "" if value is None else str(value)
