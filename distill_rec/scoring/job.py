"""A job's folder: what it was begun with, which parts are finished, and the record that it is whole.

`_progress.json` is there while parts are missing and `_SUCCESS` once they are not; readers of Parquet folders leave
both out, as they begin with an underscore. `_work` holds the users in parts, `.lock` the process that works here.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from distill_rec.files import fingerprint, read_json, sha256_file, write_json
from distill_rec.runtime.errors import RunError
from distill_rec.scoring.batch_ranker import Counts
from distill_rec.scoring.inputs import Columns, Input

FORMAT_VERSION = 1
PROGRESS, SUCCESS, WORK = "_progress.json", "_SUCCESS", "_work"


@dataclass(frozen=True)
class Settings:
    """What a user decides.

    Attributes:
        k: items per user.
        seen: items of a user's history may be recommended again.
        only: item ids among which is ranked; all where None.
        columns: of the input.
        part_users: users per file of the output.
        batch: users ranked at once; memory grows with it, results do not change.
        threads: batches ranked at the same time.
        dim: of the student's dimensions, those that it scores by; all where None.
    """

    k: int = 10
    seen: bool = False
    only: tuple[str, ...] | None = None
    columns: Columns = field(default_factory=Columns)
    part_users: int = 65_536
    batch: int = 1024
    threads: int = 1
    dim: int | None = None


def identity(source: Input, settings: Settings, digest: str) -> dict[str, Any]:
    """All that decides the output, by the names that messages use."""
    columns = asdict(source.columns)
    return {
        "users": [{"name": path.name, "sha256": sha256_file(path)} for path in source.files],
        "artifact": digest,
        "k": settings.k,
        "history items": "included" if settings.seen else "excluded",
        "only": None if settings.only is None else fingerprint(settings.only),
        "columns": {name: columns[name] for name in sorted(columns)},
        "part users": settings.part_users,
        "dimensions": settings.dim,
    }


@dataclass(frozen=True)
class PartRecord:
    """A finished file of the output."""

    name: str
    counts: Counts


class Folder:
    """Names and records within a job's folder."""

    def __init__(self, path: Path) -> None:
        self.path, self.work = path, path / WORK

    def part(self, number: int) -> Path:
        return self.path / f"part-{number:05d}.parquet"

    def begin(self, job: dict[str, Any]) -> dict[int, PartRecord]:
        """Parts that are finished; none in a new folder.

        Raises:
            RunError: the folder was begun with other settings, or holds Parquet of something else.
        """
        found = next((self.path / name for name in (SUCCESS, PROGRESS) if (self.path / name).exists()), None)
        content = None if found is None else read_json(found)
        if content is not None and (content["parts"] or content["job"] == job):
            self._require_same(content, job)
            for stale in self.path.glob(".*.tmp"):
                stale.unlink()
            return {int(number): record_of(value) for number, value in content["parts"].items()}
        foreign = sorted(self.path.glob("*.parquet"))
        if foreign and content is None:
            raise RunError(self.path, f"{foreign[0].name} of another origin", "an empty folder", "Name another --out.")
        # Begun, but without a finished part: the users may have been mended since.
        shutil.rmtree(self.work, ignore_errors=True)
        (self.path / SUCCESS).unlink(missing_ok=True)
        self.write(job, {})
        return {}

    def _require_same(self, content: dict[str, Any], job: dict[str, Any]) -> None:
        if content.get("format_version") != FORMAT_VERSION:
            found = f"format version {content.get('format_version')}"
            raise RunError(self.path, found, str(FORMAT_VERSION), "Name another --out.")
        for key, now in job.items():
            before = content["job"].get(key)
            if before != now:
                raise RunError(
                    self.path,
                    f"begun with {key} = {_short(before)}, and now {key} = {_short(now)}",
                    "the settings it was begun with",
                    "Name another --out, or remove the folder.",
                )

    @property
    def finished(self) -> bool:
        return (self.path / SUCCESS).exists()

    def write(self, job: dict[str, Any], parts: dict[int, PartRecord]) -> None:
        write_json(self.path / PROGRESS, _content(job, parts))

    def succeed(self, job: dict[str, Any], parts: dict[int, PartRecord], more: dict[str, Any]) -> None:
        write_json(self.path / SUCCESS, _content(job, parts) | {"counts": asdict(_total(parts.values())), **more})
        (self.path / PROGRESS).unlink(missing_ok=True)

    def summary(self) -> dict[str, Any]:
        """Of a finished job: its folder, files and counts."""
        content = read_json(self.path / SUCCESS)
        counts, refused = content["counts"], content["refused"]
        nameless = counts.pop("refused")
        refused |= {"no user_id": nameless} if nameless else {}
        rows = {"clicks": content["clicks"], "refused": refused}
        return {"out": str(self.path), "parts": len(content["parts"]), **counts, **rows}


def _total(records: Iterable[PartRecord]) -> Counts:
    counts = Counts()
    for record in records:
        counts.add(record.counts)
    return counts


def _content(job: dict[str, Any], parts: dict[int, PartRecord]) -> dict[str, Any]:
    listed = {str(number): asdict(parts[number]) for number in sorted(parts)}
    return {"format_version": FORMAT_VERSION, "job": job, "parts": listed}


def record_of(value: dict[str, Any]) -> PartRecord:
    """What `asdict` made of a record, from JSON."""
    return PartRecord(value["name"], Counts(**value["counts"]))


def _short(value: Any) -> str:
    """Hashes at a length that can be compared by eye."""
    if isinstance(value, list):
        return ", ".join(f"{one['name']} (sha256 {one['sha256'][:12]})" for one in value)
    text = str(value)
    return text[:12] if len(text) == 64 else text
