"""Folders of a teacher's trainings."""

from __future__ import annotations

from pathlib import Path


def place_of(root: Path, start: str, rates: str) -> Path:
    """A training's folder. An unfinished one that differs by its rates alone becomes it: its checkpoint serves both.

    Args:
        root: of the teacher.
        start: name of what it is, its rates left out.
        rates: name of it with them.
    """
    folder = root / "variants" / f"{start}-{rates}"
    if not folder.exists() and folder.parent.exists():
        for other in sorted(folder.parent.iterdir()):
            if other.name.startswith(start) and not (other / "history.json").exists():
                other.rename(folder)
                break
    return folder
