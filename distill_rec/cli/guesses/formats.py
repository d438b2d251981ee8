"""Which of the formats that `prepare` reads somebody's files are of."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from distill_rec.data.patterns import matching
from distill_rec.data.rows import suffix_of

Format = Literal["recbole", "mind", "table"]
BEHAVIORS, NEWS = "behaviors.tsv", "news.tsv"


def format_of(place: str) -> Format:
    """By the names of the files: a file, a folder or a glob."""
    path = Path(place).expanduser().absolute()
    if mind_folder(path) is not None:
        return "mind"
    if path.is_dir():
        return "recbole" if any(map(is_clicks, path.iterdir())) else "table"
    found = matching(Path(), str(path))
    return "recbole" if found and all(map(is_clicks, found)) else "table"


def is_clicks(path: Path) -> bool:
    """Whether it is a file of RecBole's interactions."""
    return suffix_of(path) == ".inter" and path.is_file()


def mind_folder(path: Path) -> Path | None:
    """MIND's folder of training behaviours: the one that is named, that of a file, or the only one below it."""
    if path.name == BEHAVIORS and (path.parent / NEWS).is_file():
        return path.parent
    if not path.is_dir():
        return None
    if (path / BEHAVIORS).is_file():
        return path
    below = list(_trains(path.iterdir()))
    return below[0] if len(below) == 1 else None


def _trains(folders: Iterable[Path]) -> Iterable[Path]:
    return (
        one for one in folders if "train" in one.name.lower() and all((one / n).is_file() for n in (BEHAVIORS, NEWS))
    )
