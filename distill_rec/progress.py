"""Progress of long work, on stderr: what runs, its rate and the time left."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self


class Task(Protocol):
    """One bar. A context manager: leaving it ends the bar."""

    def advance(self, steps: int = 1) -> None: ...

    def note(self, text: str) -> None:
        """Show a short text (a loss, a metric) beside the bar."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Progress(Protocol):
    def task(self, description: str, total: int | None = None) -> Task: ...


class QuietTask:
    def advance(self, steps: int = 1) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass


class Quiet:
    """Shows nothing; the default of every function that takes `progress`."""

    def task(self, description: str, total: int | None = None) -> Task:
        return QuietTask()


class Named:
    """Another's bars, with a name before each: whose work it is, where the same is done for several."""

    def __init__(self, name: str, progress: Progress) -> None:
        self._name, self._progress = name, progress

    def task(self, description: str, total: int | None = None) -> Task:
        return self._progress.task(f"{self._name}: {description}", total)
