"""Lines of JSON as columns of text: fields within fields have names of their own, lists stay lists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

from distill_rec.data.faults import Faults
from distill_rec.data.rows import LINE, MOST_SHOWN, is_broken, label, open_text
from distill_rec.data.shown import shown
from distill_rec.recipe import DataSection


def read_json_lines(path: Path, section: DataSection, faults: Faults) -> pl.DataFrame:
    """Objects, one per line; a key that some lack is null there."""
    columns: dict[str, list[str | list[str] | None]] = {}
    lines: list[int] = []
    own = Faults()
    with open_text(path, section.encoding) as file:
        for line, text in enumerate(file, 1):
            if not text.strip():
                continue
            own.rows += 1
            content = _object(text, line, path, section.encoding, own)
            if content is None:
                continue
            content = _flat(content)
            for key in content:
                if key not in columns:
                    columns[key] = [None] * len(lines)
            lines.append(line)
            for key, column in columns.items():
                column.append(_plain(content.get(key)))
    faults.merge(own)
    own.check_readable()
    series = [_series(key, column) for key, column in columns.items()]
    return pl.DataFrame([*series, pl.Series(LINE, lines, dtype=pl.Int64)])


def _object(text: str, line: int, path: Path, encoding: str, faults: Faults) -> dict[str, Any] | None:
    if is_broken(text):
        reason = f"bytes that are not {encoding} (see data.encoding)"
        faults.refuse(reason, label(path), [line], [shown(text, MOST_SHOWN)])
        return None
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if isinstance(content, dict):
        return content
    faults.refuse("no JSON object", label(path), [line], [shown(text.strip(), MOST_SHOWN)], "", "an object a line")
    return None


def _flat(content: dict[str, Any]) -> dict[str, Any]:
    """Objects within an object as keys of their own: `user.id`; a key that is spelt so already stays.

    Of a list of objects each key is a list: `items.id`.
    """
    while any(isinstance(value, dict) or _are_objects(value) for value in content.values()):
        content = {key: _by_key(value) if _are_objects(value) else value for key, value in content.items()}
        plain = {key: value for key, value in content.items() if not isinstance(value, dict)}
        nested = {key: value for key, value in content.items() if isinstance(value, dict)}
        content = {f"{key}.{name}": value for key, inner in nested.items() for name, value in inner.items()} | plain
    return content


def _are_objects(value: Any) -> bool:
    """Whether it is a list of objects; some may be missing."""
    return isinstance(value, list) and any(value) and all(isinstance(one, dict | None) for one in value)


def _by_key(objects: list[dict[str, Any] | None]) -> dict[str, list[Any]]:
    """A list for each key of some objects."""
    keys = dict.fromkeys(key for one in objects for key in one or ())
    return {key: [(one or {}).get(key) for one in objects] for key in keys}


def _plain(value: Any) -> str | list[str] | None:
    """A JSON value as text, a list as a list of texts."""
    return [_text(part) or "" for part in value] if isinstance(value, list) else _text(value)


def _text(value: Any) -> str | None:
    """A JSON value as text; a list's entries are joined by blanks."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list):
        return " ".join(_text(part) or "" for part in value)
    return json.dumps(value)


def _series(name: str, values: list[str | list[str] | None]) -> pl.Series:
    """A column of texts; of lists where one of its values is a list."""
    if not any(isinstance(value, list) for value in values):
        return pl.Series(name, values, dtype=pl.String)
    lists = [[value] if isinstance(value, str) else value for value in values]
    return pl.Series(name, lists, dtype=pl.List(pl.String))
