"""Rankings of the impressions of a MIND `behaviors.tsv`, labelled or not, in the file's order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from distill_rec.runtime import Student
from distill_rec.runtime.errors import DataError

COLUMNS = 5
LABEL = re.compile(r"-[01]$")
BATCH = 256


@dataclass(frozen=True)
class Impression:
    """One line: history oldest first, candidates in the file's order without their labels."""

    name: str
    history: list[str]
    candidates: list[str]


@dataclass
class Unknown:
    """How many ids were not in the catalogue."""

    candidates: int = 0
    history: int = 0


def read_impressions(path: Path) -> Iterator[Impression]:
    """Read line by line.

    Raises:
        DataError: a line has another number of columns or is not UTF-8.
    """
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            try:
                columns = raw.decode("utf-8").rstrip("\r\n").split("\t")
            except UnicodeDecodeError as error:
                raise DataError(f"{path}, line {number}", "bytes that are not UTF-8", "UTF-8") from error
            if len(columns) != COLUMNS:
                where = f"{path}, line {number}"
                raise DataError(where, f"{len(columns)} columns", f"{COLUMNS} columns, tab-separated")
            candidates = [LABEL.sub("", candidate) for candidate in columns[4].split()]
            yield Impression(columns[0], columns[3].split(), candidates)


def rankings(student: Student, impressions: list[Impression], unknown: Unknown) -> Iterator[list[int]]:
    """Rank from 1 of each candidate, in the order of the candidates; unknown ones come last."""
    catalogue = set(student.item_ids)
    known = [[item for item in one.candidates if item in catalogue] for one in impressions]
    histories = [[item for item in one.history if item in catalogue] for one in impressions]
    for one, candidates, history in zip(impressions, known, histories, strict=True):
        unknown.candidates += len(one.candidates) - len(candidates)
        unknown.history += len(one.history) - len(history)
    scores = student.rank_many(list(zip(histories, known, strict=True)))
    for one, found in zip(impressions, scores, strict=True):
        values = iter(found)
        whole = np.array([next(values) if item in catalogue else -np.inf for item in one.candidates])
        ranks = np.empty(len(whole), dtype=np.int64)
        ranks[np.argsort(-whole, kind="stable")] = np.arange(1, len(whole) + 1)
        yield ranks.tolist()
