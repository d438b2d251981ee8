"""Trainings that do not wait for each other, each in a process of its own with its share of the threads.

Small models gain little from a second core; two of them at once gain all of it. A child gets its job as a line of JSON
on stdin, and tells progress, error and memory in lines of JSON on stdout. It ends when stdin closes, so that none goes
on writing after its parent was killed.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import IO, Any, Self

from distill_rec.artifact import errors
from distill_rec.pipeline.measure import children, peak_bytes
from distill_rec.processes import PYTHON, THREADS, environment
from distill_rec.progress import Progress, Task, tell
from distill_rec.registry import Late
from distill_rec.runtime.errors import DistillRecError, TrainingError

log = logging.getLogger("distill_rec")
CHILD = "from distill_rec.pipeline.beside import child; child()"


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


def run_beside(jobs: Sequence[Job], threads: int, progress: Progress, *, share: int = 1) -> None:
    """Run jobs, as many at once as the threads allow.

    Args:
        threads: of all jobs that run at once.
        share: of each; the same in a command that goes on where another stopped, so that results are too.

    Raises:
        DistillRecError: what a job raised; the others are ended, and go on from their checkpoints another time.
        TrainingError: a job's process ended without a word.
    """
    waiting, running = list(jobs), dict[str, subprocess.Popen[str]]()
    events: queue.Queue[tuple[str, dict[str, Any] | None]] = queue.Queue()
    peaks: dict[str, int] = {}
    shown = _Shown(progress)
    try:
        while waiting or running:
            while waiting and len(running) < max(1, threads // share):
                job = waiting.pop(0)
                running[job.name] = _start(job, share, events)
            name, event = events.get()
            if event is None:
                _require_ended_well(name, running.pop(name).wait(), name in peaks)
            elif "error" in event:
                raise getattr(errors, event.pop("error"))(**event)
            elif "peak" in event:
                peaks[name] = event["peak"]
            elif "values" in event:
                tell(progress, **event)
            elif "log" in event:
                log.log(event["level"], event["log"])
            else:
                shown.show(name, event)
    finally:
        for process in running.values():
            process.kill()
            process.wait()
        shown.close()
    children.note(sum(sorted(peaks.values())[-(threads // share) :]))


def _start(job: Job, threads: int, events: queue.Queue[tuple[str, dict[str, Any] | None]]) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*PYTHON, "-c", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(**dict.fromkeys(THREADS, str(threads))),
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(json.dumps(asdict(job)) + "\n")
    process.stdin.flush()
    threading.Thread(target=_listen, args=(job.name, process.stdout, events.put), daemon=True).start()
    return process


def _listen(name: str, out: IO[str], put: Callable[[tuple[str, dict[str, Any] | None]], None]) -> None:
    for line in out:
        put((name, json.loads(line)))
    put((name, None))


def _require_ended_well(name: str, code: int, told: bool) -> None:
    if code == 0 and told:
        return
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    raise TrainingError(
        name,
        f"its process ended with {how}",
        "to finish",
        "SIGKILL is often memory that ran out. Give the same command again: it goes on from the last checkpoint.",
    )


class _Shown:
    """Children's bars as bars of this process."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[tuple[str, int], Task] = {}

    def show(self, name: str, event: dict[str, Any]) -> None:
        key = name, event["task"]
        if "begin" in event:
            self._tasks[key] = self._progress.task(event["begin"], event["total"]).__enter__()
        elif "end" in event:
            self._tasks.pop(key).__exit__(None, None, None)
        elif "note" in event:
            self._tasks[key].note(event["note"])
        else:
            self._tasks[key].advance(event["advance"])

    def close(self) -> None:
        """End the bars of children that were ended."""
        ended = TrainingError("training", "ended")
        for task in self._tasks.values():
            task.__exit__(TrainingError, ended, None)


def child() -> None:
    """What a child runs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its children
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is no event

    def tell(event: dict[str, Any]) -> None:
        out.write(json.dumps(event) + "\n")

    log.addHandler(_Telling(tell))
    log.setLevel(logging.INFO)
    log.propagate = False
    job = Job(**json.loads(sys.stdin.readline()))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        Late[Callable[..., None]](job.call).get()(**job.arguments, progress=_Told(tell))
    except DistillRecError as error:
        kind = type(error).__name__
        tell({"error": kind if hasattr(errors, kind) else "DistillRecError", **error.parts()})
        raise SystemExit(1) from None
    tell({"peak": peak_bytes()})


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


class _Telling(logging.Handler):
    """Tells the parent what is logged."""

    def __init__(self, tell: Callable[[dict[str, Any]], None]) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self._tell({"log": record.getMessage(), "level": record.levelno})


class _Told:
    """Progress that tells the parent."""

    def __init__(self, tell: Callable[[dict[str, Any]], None]) -> None:
        self._tell, self._begun = tell, 0

    def task(self, description: str, total: int | None = None) -> Task:
        self._begun += 1
        return _ToldTask(self._tell, self._begun, description, total)

    def values(self, name: str, step: int, values: Mapping[str, float]) -> None:
        self._tell({"name": name, "step": step, "values": dict(values)})


class _ToldTask:
    def __init__(self, tell: Callable[[dict[str, Any]], None], number: int, begin: str, total: int | None) -> None:
        self._tell, self._number, self._begin = tell, number, {"task": number, "begin": begin, "total": total}

    def __enter__(self) -> Self:
        self._tell(self._begin)
        return self

    def advance(self, steps: int = 1) -> None:
        self._tell({"task": self._number, "advance": steps})

    def note(self, text: str) -> None:
        self._tell({"task": self._number, "note": text})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tell({"task": self._number, "end": True})
