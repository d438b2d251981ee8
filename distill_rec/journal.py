"""`history.jsonl`: how a training goes, a line for each window and each validation, written while it goes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distill_rec.files import write_text

NAME = "history.jsonl"


class Journal:
    """Lines of JSON that are added one by one, for `tail -f` and for `pandas.read_json(path, lines=True)`.

    Every line has `update` (done so far), `of` (at most) and `seconds`. A window has its `loss`; a validation has what
    `history.json` has of it: `ndcg@10`, and as `loss` the mean since the validation before. A run that goes on from a
    checkpoint drops what came after that, so that no update stands twice.

    Args:
        total: updates at most.
    """

    def __init__(self, folder: Path, total: int) -> None:
        self._path, self._total = folder / NAME, total

    def begin(self, update: int) -> None:
        """Keep the lines up to an update, which is about to be gone on from."""
        kept = [line for line in lines_of(self._path) if line["update"] <= update] if update else []
        write_text(self._path, "".join(f"{json.dumps(line)}\n" for line in kept))

    def note(self, record: Mapping[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"update": record["update"], "of": self._total, **record}) + "\n")


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a journal, a last one that a kill cut off left out; none where there is no file."""
    try:
        text = path.read_text("utf-8")
    except OSError:
        return []
    return [json.loads(line) for line in text.split("\n")[:-1]]
