"""Loading an exported student for `rank` and `recommend`; nothing here needs an extra."""

from __future__ import annotations

from pathlib import Path

from distill_rec.runtime import Student


def artifact_folder(path: Path) -> Path:
    """A student's folder, also where the folder of the run that holds it was given."""
    inside = path / "export" / "student"
    return inside if inside.exists() else path


def load_artifact(path: Path) -> Student:
    """A student's folder, or the folder of a run that holds one."""
    return Student.load(artifact_folder(path))


def ids_of(text: str) -> list[str]:
    """`1,50` as ids; blanks around them do not count."""
    return [part.strip() for part in text.split(",") if part.strip()]
