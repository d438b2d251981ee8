"""What a service is started with, and the limits of what it accepts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from distill_rec.runtime import Student


@dataclass(frozen=True)
class Limits:
    """Bounds of one request and of what may wait.

    Attributes:
        body: bytes of a body.
        history, candidates: ids in a history; in `candidates`, `exclude` or `only`.
        k: items of one recommendation.
        requests: requests in one list.
        text: characters of an item's text, and of each of its fields; `fields`: how many of these.
        id: bytes of an item's id in a path.
        waiting: requests for scores that wait for the worker, beyond which new ones are answered with 429.
        updates: catalogue updates that wait for the disk.
        batch: requests that the worker takes at once.
        connections: open connections.
        seconds: within which headers, and then a body, must have come.
    """

    body: int = 1_000_000
    history: int = 1_000
    candidates: int = 10_000
    k: int = 1_000
    requests: int = 128
    text: int = 10_000
    fields: int = 100
    id: int = 1_024
    waiting: int = 256
    updates: int = 1_024
    batch: int = 64
    connections: int = 4_096
    seconds: float = 20.0


class LoadOptions(TypedDict, total=False):
    """Arguments of `Student.load` that hold for the first version and for every later one."""

    threads: int | None
    precision: str | None
    approximate_above: int | None
    dim: int | None
    new_level: float | None


@dataclass(frozen=True)
class Settings:
    """A service.

    Attributes:
        artifact: a student's folder or a link to it; a reload follows the link anew.
        state: folder of the catalogue updates; None where they are not wanted.
        token: what a client must send; None only where just this machine can connect.
        access_log: a log line for every request, not only for failures.
        release: of this package, for the documentation.
    """

    artifact: Path
    state: Path | None = None
    token: str | None = None
    access_log: bool = False
    load: LoadOptions = field(default_factory=LoadOptions)
    release: str = ""
    limits: Limits = field(default_factory=Limits)


def load_student(folder: Path, options: LoadOptions, digest: str | None = None, verify: bool = False) -> Student:
    """A version, with the settings of this service.

    Raises:
        ArtifactError: it is damaged, another one than `digest`, or its golden inputs give other scores.
    """
    student = Student.load(folder, digest=digest, verify=verify, **options)
    # Both are read when first asked for; what is wrong with them must be found here.
    _ = student.teacher, student.item_texts
    return student
