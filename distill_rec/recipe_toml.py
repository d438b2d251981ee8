"""A recipe as TOML that `distill-rec run` accepts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distill_rec.recipe import Recipe


def toml_of(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(str(key))} = {toml_of(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_of, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # the one control that JSON leaves


def toml_text(recipe: Recipe, base: Path, notes: str = "") -> str:
    """The keys that were given, every path absolute; one table per section.

    Args:
        base: folder that the data's files are relative to where `data.path` is empty.
        notes: comment above it.
    """
    settings = _given(recipe.model_dump(mode="json", exclude_unset=True))
    data = settings.setdefault("data", {})
    data["path"] = data.get("path") or str(base.resolve())
    lines = [f"# {line}" for line in notes.splitlines()]
    lines += [f"{key} = {toml_of(value)}" for key, value in settings.items() if not isinstance(value, Mapping)]
    for key, value in settings.items():
        if isinstance(value, Mapping):
            lines += _table(key, value)
    return "\n".join(lines) + "\n"


def _table(name: str, section: Mapping[str, Any]) -> list[str]:
    """A section and those within it, each under its own header."""
    lines = ["", f"[{name}]"]
    lines += [f"{_key(key)} = {toml_of(value)}" for key, value in section.items() if not isinstance(value, Mapping)]
    for key, value in section.items():
        if isinstance(value, Mapping):
            lines += _table(f"{name}.{_key(key)}", value)
    return lines


def _key(name: str) -> str:
    return name if name.isascii() and name.replace("_", "").replace("-", "").isalnum() else json.dumps(name)


def _given(value: Any) -> Any:
    """Without keys of no value, for which TOML has no form: they are their own default."""
    if isinstance(value, Mapping):
        return {key: _given(inner) for key, inner in value.items() if inner is not None}
    return [_given(inner) for inner in value] if isinstance(value, list) else value
