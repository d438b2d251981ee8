"""Text templates: `"{title} ({year})"` and an item's fields to its text.

One rule for empty fields: brackets that are left empty go, runs of white space become one space, and the ends
are trimmed. One rule for HTML entities, where the data set's are read as characters: in fields and in the whole
text, also of what was escaped twice. Training and serving both use them.
"""

from __future__ import annotations

import html
import re
import string
from collections.abc import Mapping

EMPTY_BRACKETS = r"\(\s*\)|\[\s*\]"
SPACES = r"\s+"
PASSES = 8
"""Times that a text may have been escaped; bounded, because a request may hold a text that is nothing but escapes."""


def fields_of(template: str) -> list[str]:
    """Names of the fields that a template reads, in order.

    Raises:
        ValueError: a brace is not closed, or a field has a format or conversion.
    """
    names = []
    for _, name, form, conversion in string.Formatter().parse(template):
        if name is None:
            continue
        if form or conversion or not name.isidentifier():
            raise ValueError(f"field {{{name}}} must be a plain name")
        names.append(name)
    return names


def render(template: str, fields: Mapping[str, str], unescape_html: bool = False) -> str:
    """The text of an item; a field that is missing or None is empty."""
    found = {name: fields.get(name) for name in fields_of(template)}
    filled = {name: "" if value is None else value for name, value in found.items()}
    if unescape_html:
        filled = {name: unescaped(value) if isinstance(value, str) else value for name, value in filled.items()}
    text = re.sub(SPACES, " ", re.sub(EMPTY_BRACKETS, "", template.format_map(filled))).strip()
    return unescaped(text) if unescape_html else text


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
