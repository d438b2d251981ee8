"""Kills a training where it tells its progress: nothing of the training itself need be known."""

from __future__ import annotations

from collections.abc import Callable

from distill_rec.progress import QuietTask, Task


class KilledError(BaseException):
    """What no handler catches, as a kill is not."""


class Counted:
    """A progress that counts what it is told, and kills at one of the counts.

    Attributes:
        told: calls of `advance` so far.
    """

    def __init__(self, kill_at: int | None = None) -> None:
        self.told, self._kill_at = 0, kill_at

    def task(self, description: str, total: int | None = None) -> Task:
        return _Counting(self._count)

    def _count(self) -> None:
        self.told += 1
        if self.told == self._kill_at:
            raise KilledError


class _Counting(QuietTask):
    def __init__(self, count: Callable[[], None]) -> None:
        self._count = count

    def advance(self, steps: int = 1) -> None:
        self._count()


def places(told: int) -> list[int]:
    """Where to kill what tells its progress so often: early, in the middle, near the end."""
    return sorted({max(1, told * share // 8) for share in (1, 4, 7)}) if told else []
