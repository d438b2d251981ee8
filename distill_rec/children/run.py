"""The parent's side: start jobs, so many at once, show what they tell, and say how each ended."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from distill_rec.artifact import errors
from distill_rec.children.told import Shown
from distill_rec.processes import PYTHON, THREADS, environment
from distill_rec.progress import Progress
from distill_rec.runtime.errors import DistillRecError, TrainingError

log = logging.getLogger("distill_rec")
LAST_LINE = 300
"""Characters of a traceback's last line that are kept."""
KILLED = "SIGKILL is often memory that ran out. Give the same command again: it goes on from the last checkpoint."


@dataclass(frozen=True)
class Job:
    """Something to be done in a process of its own.

    Attributes:
        name: what it is called where it fails.
        call: "module:function", called with the arguments and `progress`.
        arguments: JSON.
    """

    name: str
    call: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Ended:
    """How a job ended.

    Attributes:
        error: what it raised, a `TrainingError` where its process died; None where it went well.
        peak_bytes: most resident memory of its process.
    """

    error: DistillRecError | None
    peak_bytes: int


def run_jobs(
    jobs: Sequence[Job], progress: Progress, *, at_once: int = 1, threads: int | None = None, stderr: Path | None = None
) -> Generator[Ended]:
    """Run jobs and say of each how it ended, in the order in which they end; closing the iterator ends those that run.

    Args:
        threads: of each; this process's own setting where not given.
        stderr: file for what their processes print; this process's stderr where not given.
    """
    waiting, running, events = list(jobs), dict[int, _Child](), _Events()
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                child = _Child(waiting.pop(0), progress, threads, stderr)
                running[child.process.pid] = child
                child.listen(events)
            pid, event = events.get()
            if event is not None:
                running[pid].take(event)
            else:
                yield running.pop(pid).ended()
    finally:
        for child in running.values():
            child.kill()


_Events = queue.Queue[tuple[int, dict[str, Any] | None]]
"""Which child, and what it tells; None when it has ended."""


class _Child:
    def __init__(self, job: Job, progress: Progress, threads: int | None, stderr: Path | None) -> None:
        self._job, self._shown, self._stderr = job, Shown(progress), stderr
        self._error: DistillRecError | None = None
        self._peak: int | None = None
        own = {} if threads is None else dict.fromkeys(THREADS, str(threads))
        with stderr.open("wb") if stderr is not None else contextlib.nullcontext() as file:
            self.process = subprocess.Popen(
                [*PYTHON, "-m", "distill_rec.children"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                encoding="utf-8",
                env=environment(PYTHONUTF8="1", **own),
            )

    def listen(self, events: _Events) -> None:
        """Give it its job, and put what it tells among the events."""
        assert self.process.stdin is not None and self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it died before it had read its job; its exit says how
            self.process.stdin.write(json.dumps(asdict(self._job)) + "\n")
            self.process.stdin.flush()
        pid, out = self.process.pid, self.process.stdout

        def put() -> None:
            for line in out:
                events.put((pid, json.loads(line)))
            events.put((pid, None))

        threading.Thread(target=put, daemon=True).start()

    def take(self, event: dict[str, Any]) -> None:
        if "task" in event:
            self._shown.show(event)
        elif "values" in event:
            self._shown.measured(event)
        elif "log" in event:
            log.log(event["level"], event["log"])
        else:
            self._peak = event.pop("peak")
            if event:
                self._error = getattr(errors, event.pop("error"))(**event)

    def ended(self) -> Ended:
        self._shown.close()
        code, peak = self._wait()
        if self._error is None and (code != 0 or self._peak is None):
            self._error = self._died(code)
        return Ended(self._error, peak if self._peak is None else self._peak)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._shown.close()

    def _wait(self) -> tuple[int, int]:
        """Exit code, negative for a signal, and peak of resident memory as the system tells, bytes."""
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        return self.process.returncode, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)

    def _died(self, code: int) -> TrainingError:
        lines = self._stderr.read_text("utf-8", "replace").strip().splitlines() if self._stderr else []
        if code < 0:
            how = f"its process ended with signal {signal.Signals(-code).name}"
            return TrainingError(self._job.name, how, "to finish", KILLED)
        how = lines[-1][:LAST_LINE] if lines else f"its process ended with exit code {code}"
        return TrainingError(self._job.name, how, "to finish", f"More in {self._stderr}." if lines else "")
