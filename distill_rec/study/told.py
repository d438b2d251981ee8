"""Progress of a cell's process, told in lines of JSON and shown by the study's own."""

from __future__ import annotations

import json
import time
from types import TracebackType
from typing import IO, Any, Self

from distill_rec.progress import Progress, Task

PAUSE = 0.2
"""Seconds between two lines on the same bar."""


class Teller:
    """A `Progress` that writes what it is told."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream, self._tasks = stream, 0

    def tell(self, what: dict[str, Any]) -> None:
        self._stream.write(json.dumps(what) + "\n")
        self._stream.flush()

    def task(self, description: str, total: int | None = None) -> Task:
        self._tasks += 1
        return _Told(self, self._tasks, description, total)


class _Told:
    def __init__(self, teller: Teller, number: int, description: str, total: int | None) -> None:
        self._teller, self._number = teller, number
        self._begin = {"description": description, "total": total}
        self._steps, self._note, self._told_at = 0, "", 0.0

    def __enter__(self) -> Self:
        self._teller.tell({"task": self._number, **self._begin})
        return self

    def advance(self, steps: int = 1) -> None:
        self._steps += steps
        if time.monotonic() - self._told_at >= PAUSE:
            self._told_at = time.monotonic()
            self._teller.tell({"task": self._number, "steps": self._steps, "note": self._note})
            self._steps = 0

    def note(self, text: str) -> None:
        self._note = text

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._teller.tell({"task": self._number, "steps": self._steps, "done": kind is None})


class Shown:
    """Shows what a `Teller` wrote.

    Attributes:
        failure: what the process said that it failed by; "" where it said nothing.
    """

    def __init__(self, progress: Progress) -> None:
        self.failure = ""
        self._progress, self._open = progress, dict[int, Task]()

    def line(self, text: str) -> None:
        """Take a line; what is none of ours (a library that prints) is left out."""
        try:
            told = json.loads(text)
        except ValueError:
            return
        if not isinstance(told, dict):
            return
        self.failure = told.get("failure", self.failure)
        if "description" in told:
            self._open[told["task"]] = self._progress.task(told["description"], told["total"])
            self._open[told["task"]].__enter__()
        elif "steps" in told:
            self._step(told)

    def _step(self, told: dict[str, Any]) -> None:
        task = self._open[told["task"]]
        task.advance(told["steps"])
        if told.get("note"):
            task.note(told["note"])
        if "done" in told:
            self._close(told["task"], well=told["done"])

    def end(self) -> None:
        """Close the bars that a process which died left open."""
        for number in list(self._open):
            self._close(number, well=False)

    def _close(self, number: int, well: bool) -> None:
        failed = None if well else RuntimeError("the process ended")
        self._open.pop(number).__exit__(type(failed) if failed else None, failed, None)
