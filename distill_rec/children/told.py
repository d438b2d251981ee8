"""Progress of a child, told in lines of JSON and shown by its parent."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from distill_rec.progress import Progress, Task, tell

PAUSE = 0.2
"""Seconds between two lines on the same bar."""
Tell = Callable[[dict[str, Any]], None]


class Told:
    """A `Progress` that tells of its bars, and of what was measured."""

    def __init__(self, tell: Tell) -> None:
        self._tell, self._begun = tell, 0

    def task(self, description: str, total: int | None = None) -> Task:
        self._begun += 1
        return _ToldTask(self._tell, self._begun, description, total)

    def values(self, name: str, step: int, values: Mapping[str, float]) -> None:
        """See `distill_rec.progress.Measuring`."""
        self._tell({"name": name, "step": step, "values": dict(values)})


class _ToldTask:
    def __init__(self, tell: Tell, number: int, begin: str, total: int | None) -> None:
        self._tell, self._number, self._begin = tell, number, {"begin": begin, "total": total}
        self._steps, self._note, self._told_at = 0, "", 0.0

    def __enter__(self) -> Self:
        self._tell({"task": self._number, **self._begin})
        return self

    def advance(self, steps: int = 1) -> None:
        self._steps += steps
        self._tell_now_and_then()

    def note(self, text: str) -> None:
        self._note = text
        self._tell_now_and_then()

    def _tell_now_and_then(self) -> None:
        if time.monotonic() - self._told_at >= PAUSE:
            self._told_at = time.monotonic()
            self._tell(self._news())

    def _news(self) -> dict[str, Any]:
        news = {"task": self._number, "note": self._note, "steps": self._steps}
        self._steps, self._note = 0, ""
        return news

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tell({**self._news(), "ended_well": kind is None})


class Shown:
    """Bars of a child as bars of this process."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._open = progress, dict[int, Task]()

    def show(self, news: dict[str, Any]) -> None:
        number = news["task"]
        if "begin" in news:
            self._open[number] = self._progress.task(news["begin"], news["total"]).__enter__()
            return
        task = self._open[number]
        if news["note"]:
            task.note(news["note"])
        if news["steps"]:
            task.advance(news["steps"])
        if "ended_well" in news:
            self._close(number, news["ended_well"])

    def measured(self, news: dict[str, Any]) -> None:
        """Hand on what a child measured."""
        tell(self._progress, **news)

    def close(self) -> None:
        """Close the bars that a child which died left open."""
        for number in list(self._open):
            self._close(number, well=False)

    def _close(self, number: int, well: bool) -> None:
        failed = None if well else RuntimeError("the process ended")
        self._open.pop(number).__exit__(type(failed) if failed else None, failed, None)
