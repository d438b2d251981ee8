"""Progress of long work, on stderr: what runs, its rate and the time left."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Protocol, Self, runtime_checkable


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


@runtime_checkable
class Measuring(Protocol):
    """Progress that also takes figures, as a tracker does."""

    def values(self, name: str, step: int, values: Mapping[str, float]) -> None:
        """Take what was measured.

        Args:
            name: of the training.
            step: updates that it has done.
            values: by what they are of.
        """


def tell(progress: Progress, name: str, step: int, values: Mapping[str, float]) -> None:
    """Hand figures to progress that takes them; see `Measuring`."""
    if isinstance(progress, Measuring):
        progress.values(name, step, values)


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

    def values(self, name: str, step: int, values: Mapping[str, float]) -> None:
        tell(self._progress, f"{self._name}: {name}", step, values)
