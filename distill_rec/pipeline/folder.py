"""A run folder: one folder per stage, `stage.json` written last in each, one process at a time."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from distill_rec.files import locked
from distill_rec.records import Record, read_record, write_record


class StageRecord(Record):
    """What `stage.json` says: the stage is finished, and what it was made with; `begun.json`: what it began with.

    Attributes:
        version: of the stage's code.
        fingerprint: of settings, inputs, version and the stages before.
        settings: dotted key to value.
        inputs: name to hash.
        before: fingerprint of the stage before; "" for the first.
        resumed: it was finished by another process than had begun it; `seconds` are the last one's.
    """

    stage: str
    version: int
    fingerprint: str
    settings: dict[str, Any]
    inputs: dict[str, str]
    before: str
    seconds: float = 0.0
    peak_bytes: int = 0
    resumed: bool = False


class RunRecord(Record):
    """What `recipe.json` says.

    Attributes:
        recipe: its sections, with every default.
        base: folder that the data's files are relative to where `data.path` is empty.
    """

    recipe: dict[str, Any]
    base: str = ""


class RunFolder:
    """Names and records within a run's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def stage(self, name: str) -> Path:
        return self.path / name

    def finished(self, name: str) -> StageRecord | None:
        """The record of a finished stage; None where it is not finished."""
        return self._record(name, "stage.json")

    def begun(self, name: str) -> StageRecord | None:
        """What an unfinished stage was begun with."""
        return self._record(name, "begun.json")

    def _record(self, name: str, file: str) -> StageRecord | None:
        path = self.stage(name) / file
        return read_record(StageRecord, path) if path.exists() else None

    def begin(self, record: StageRecord) -> None:
        write_record(self.stage(record.stage) / "begun.json", record)

    def finish(self, record: StageRecord) -> None:
        write_record(self.stage(record.stage) / "stage.json", record)
        (self.stage(record.stage) / "begun.json").unlink(missing_ok=True)

    def set_aside(self, name: str, in_place: bool = False) -> Path | None:
        """Rename a stage's folder to `NAME.old-N`.

        Args:
            in_place: it keeps versions of its own and stays; only its record goes.
        """
        folder = self.stage(name)
        if not folder.exists():
            return None
        if in_place:
            (folder / "stage.json").unlink(missing_ok=True)
            return None
        number = 1
        while (old := folder.with_name(f"{name}.old-{number}")).exists():
            number += 1
        folder.rename(old)
        return old

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Hold the run folder; see `distill_rec.files.locked`."""
        return locked(self.path)
