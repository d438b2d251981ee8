"""What a child runs: its job as a line of JSON on stdin, what it tells in lines of JSON on stdout.

It ends when stdin closes, so that none goes on writing after its parent was killed.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import IO, Any

from distill_rec.artifact import errors
from distill_rec.children.run import Job
from distill_rec.children.told import Tell, Told
from distill_rec.processes import peak_bytes
from distill_rec.registry import Late
from distill_rec.runtime.errors import DistillRecError, TrainingError

log = logging.getLogger("distill_rec")


def main() -> int:
    """Do the job; exit code 1 where it failed by an error of ours, which is told. Others have a traceback on stderr."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its children
    tell = _teller(_stdout_for_events())
    log.addHandler(_Telling(tell))
    log.setLevel(logging.INFO)
    log.propagate = False
    job = Job(**json.loads(sys.stdin.readline()))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        Late[Callable[..., None]](job.call).get()(**job.arguments, progress=Told(tell))
    except (DistillRecError, MemoryError) as error:
        tell({**_told_error(error, job.name), "peak": peak_bytes()})
        return 1
    tell({"peak": peak_bytes()})
    return 0


def _stdout_for_events() -> IO[str]:
    """Stdout, from now on for events alone: what libraries print goes to stderr."""
    events = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return events


def _teller(events: IO[str]) -> Tell:
    def tell(event: dict[str, Any]) -> None:
        events.write(json.dumps(event) + "\n")

    return tell


def _told_error(error: DistillRecError | MemoryError, name: str) -> dict[str, str]:
    if isinstance(error, MemoryError):
        error = TrainingError(name, f"out of memory ({error})", "to fit", "Make its batches smaller.")
    kind = type(error).__name__
    return {"error": kind if hasattr(errors, kind) else "DistillRecError", **error.parts()}


def _end_with_parent() -> None:
    while os.read(0, 1024):  # not sys.stdin's read: its lock must be free when the interpreter ends
        pass
    os._exit(1)


class _Telling(logging.Handler):
    """Tells the parent what is logged."""

    def __init__(self, tell: Tell) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self._tell({"log": record.getMessage(), "level": record.levelno})


if __name__ == "__main__":
    sys.exit(main())
