"""Text templates: `"{title} ({year})"` and an item's fields to its text.

One rule for empty fields: brackets that are left empty go, runs of white space become one space, and the ends
are trimmed. Training and serving both use it.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping

EMPTY_BRACKETS = r"\(\s*\)|\[\s*\]"
SPACES = r"\s+"


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


def render(template: str, fields: Mapping[str, str]) -> str:
    """The text of an item; a field that is missing or None is empty."""
    found = {name: fields.get(name) for name in fields_of(template)}
    text = template.format_map({name: "" if value is None else value for name, value in found.items()})
    return re.sub(SPACES, " ", re.sub(EMPTY_BRACKETS, "", text)).strip()
