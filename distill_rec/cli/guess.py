"""Guesses which columns of two files are what."""

from __future__ import annotations

import csv
import gzip
import json
import re
from pathlib import Path
from typing import IO, Any, cast

from distill_rec.runtime.errors import DataError

SAMPLE = 200
NAMES = {
    "user_column": r"user|customer|reviewer|visitor|session|account|member|uid|client",
    "item_column": r"item|product|sku|asin|movie|news|article|video|book|track|song|content|iid",
    "time_column": r"time|date|^ts$|^at$|created|when",
    "rating_column": r"rating|stars|score",
    "event_column": r"event|action|behaviou?r",
}
TEXTS = r"title|name|headline|text"
MORE_TEXTS = r"categor|genre|class|brand|author|artist|year"


def guess(clicks: Path, items: Path) -> dict[str, Any]:
    """Keys of `[data]`.

    Raises:
        DataError: no user, item or text column can be told.
    """
    click_rows, item_rows = sample(clicks), sample(items)
    click_columns, item_columns = list(click_rows[0]), list(item_rows[0])
    found: dict[str, Any] = {"format": "table", "clicks": str(clicks.resolve()), "items": str(items.resolve())}
    shared = [name for name in click_columns if name in item_columns]
    item = _first(NAMES["item_column"], shared) or _first("id", shared) or (shared[0] if shared else None)
    if item is None:
        raise DataError(
            f"{clicks} and {items}",
            f"no column of the same name ({', '.join(click_columns)}; {', '.join(item_columns)})",
            "an item id that is called the same in both",
            "Rename one, or write data.item_column by hand.",
        )
    found["item_column"] = item
    others = [name for name in click_columns if name != item]
    found["user_column"] = _first(NAMES["user_column"], others) or _missing(clicks, "user", click_columns)
    others.remove(found["user_column"])
    for key in ("time_column", "rating_column", "event_column"):
        column = _first(NAMES[key], others)
        found[key] = column or ""
        if column:
            others.remove(column)
    if found["event_column"]:
        kinds = sorted({str(row[found["event_column"]]) for row in click_rows if row.get(found["event_column"])})
        found["event_weights"] = dict.fromkeys(kinds, 1.0)
    found["text"] = _template(items, item, item_columns)
    return found


def _template(items: Path, item: str, columns: list[str]) -> str:
    others = [name for name in columns if name != item]
    title = _first(TEXTS, others) or _missing(items, "text", columns)
    more = [name for name in others if name != title and re.search(MORE_TEXTS, name, re.IGNORECASE)]
    return " ".join(f"{{{name}}}" for name in [title, *more])


def _first(pattern: str, columns: list[str]) -> str | None:
    return next((name for name in columns if re.search(pattern, name, re.IGNORECASE)), None)


def _missing(path: Path, what: str, columns: list[str]) -> str:
    raise DataError(
        path,
        f"no column that looks like a {what}: {', '.join(columns)}",
        f"a {what} column",
        "Write the recipe by hand.",
    )


def sample(path: Path) -> list[dict[str, Any]]:
    """The first rows of a file.

    Raises:
        DataError: it has none.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if ".parquet" in suffixes:
        from distill_rec.frames import first_rows

        rows = first_rows(path, SAMPLE).to_dicts()
    else:
        opener = gzip.open if suffixes[-1:] == [".gz"] else open
        with cast("IO[str]", opener(path, "rt", encoding="utf-8-sig", errors="replace")) as file:
            lines = [line for _, line in zip(range(SAMPLE), file, strict=False) if line.strip()]
        rows = _parse(lines, bool({".jsonl", ".json", ".ndjson"} & set(suffixes)))
    if not rows:
        raise DataError(path, "no rows", "a header and rows, or JSON lines")
    return rows


def _parse(lines: list[str], is_json: bool) -> list[dict[str, Any]]:
    if is_json:
        return [json.loads(line) for line in lines]
    header = lines[0] if lines else ""
    delimiter = max("\t;,|", key=header.count)
    return list(csv.DictReader(lines, delimiter=delimiter))
