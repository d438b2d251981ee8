"""One layer of a recipe over another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distill_rec.several_teachers import with_changes

Settings = dict[str, Any]


def merge_recipes(base: Settings, changes: Mapping[str, Any]) -> Settings:
    """`base` with the changes on top. A list of teachers takes the place of what was there.

    Raises:
        RecipeError: `base` has several teachers, and a change names none of them.
    """
    mine, theirs = base.get("teacher"), changes.get("teacher")
    if isinstance(theirs, Mapping) and "members" in theirs:
        base = {key: value for key, value in base.items() if key != "teacher"}
    elif isinstance(mine, Mapping) and "members" in mine and isinstance(theirs, Mapping):
        changes = {key: value for key, value in changes.items() if key != "teacher"}
        base = base | {"teacher": with_changes(mine, theirs, merge)}
    return merge(base, changes)


def merge(base: Settings, changes: Mapping[str, Any]) -> Settings:
    """`base` with the changes on top, section by section."""
    out = dict(base)
    for key, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(out.get(key), Mapping)
        out[key] = merge(out[key], value) if both else value
    return out
