"""Loading an exported student for the commands that serve it; nothing here needs an extra."""

from __future__ import annotations

import sys
from pathlib import Path

from distill_rec.artifact.link import artifact_path
from distill_rec.runtime import Student


def artifact_folder(path: Path) -> Path:
    """A student's folder, or the one inside the folder of a run or of its export."""
    return artifact_path(path)


def load_artifact(path: Path, dim: int | None = None) -> Student:
    """A student's folder, or the folder of a run that holds one; see `Student.load`."""
    return Student.load(artifact_folder(path), dim=dim)


def ids_of(text: str) -> list[str]:
    """`1,50` as ids; blanks around them do not count."""
    return [part.strip() for part in text.split(",") if part.strip()]


def note_skipped(student: Student) -> None:
    """Say on stderr that a history named items that the student does not know."""
    if student.skipped:
        print(f"unknown items of the history, left out: {student.skipped}", file=sys.stderr)
