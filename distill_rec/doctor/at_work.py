"""What a run's process is doing: the stage that is next, since when, and how far its trainings have come."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from distill_rec.files import LOCK
from distill_rec.journal import NAME, lines_of

SHOWN = 3


def at_work(run: Path, stage: str, before: str) -> str:
    """`running since 14:05; student: 130 of at most 800 updates`.

    Args:
        before: the stage before, whose end began this one where that was later than the lock; "" for the first.
    """
    began = max(_changed(path) for path in (run / LOCK, run / before / "stage.json") if before or path.name == LOCK)
    found = [told for path in _journals(run / stage, began) if (told := _how_far(run / stage, path))]
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return "; ".join([f"running since {datetime.fromtimestamp(began):%H:%M}", *found[:SHOWN]]) + more


def _journals(folder: Path, began: float) -> list[Path]:
    """Those of trainings that were at work since, and have not ended; the latest first."""
    found = [path for path in folder.rglob(NAME) if not path.with_name("history.json").exists()]
    return sorted((path for path in found if _changed(path) >= began), key=_changed, reverse=True)


def _how_far(stage: Path, journal: Path) -> str:
    last = _last_line(journal)
    name = journal.parent.relative_to(stage).as_posix()
    told = f"{last['update']:,} of at most {last['of']:,} updates" if last else "begun"
    return told if name == "." else f"{name}: {told}"


def _last_line(journal: Path) -> dict[str, int]:
    lines = lines_of(journal)
    return lines[-1] if lines else {}


def _changed(path: Path) -> float:
    """When a file was written last, seconds; 0 where it is not there."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
