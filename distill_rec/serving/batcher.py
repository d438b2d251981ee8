"""One worker thread for all scores: it takes what waits and hands it to the student together."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from distill_rec.runtime import DistillRecError, Student
from distill_rec.serving.drain import drain
from distill_rec.serving.live import Live, Version
from distill_rec.serving.metrics import Metrics
from distill_rec.serving.refusal import Refusal

log = logging.getLogger("distill_rec.serving")
AFTER = {"retry-after": "1"}


@dataclass(frozen=True)
class Kind:
    """A kind of request.

    Attributes:
        run: answers of many requests, each as JSON can hold it (numpy arrays too).
    """

    name: str
    run: Callable[[Student, Sequence[Any]], list[Any]]


@dataclass(frozen=True)
class Scored:
    """A JSON body, and the version that gave it."""

    body: bytes
    version: Version


@dataclass(frozen=True)
class Job:
    """The requests of one body."""

    kind: Kind
    requests: list[Any]
    many: bool
    answer: asyncio.Future[Scored]


class Batcher:
    """Bounded: what does not fit into the queue is refused at once, which costs less than to let it wait.

    Args:
        waiting: requests that may wait.
        batch: requests that are taken at once, unless one body holds more.
    """

    def __init__(self, live: Live, waiting: int, batch: int, metrics: Metrics) -> None:
        self._live, self._most, self._batch, self._metrics = live, waiting, batch, metrics
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        # Each is written by one thread alone. What the worker has answered makes room at once: were it only counted
        # when the loop delivers it, a loop that is busy with a thousand connections would refuse all but the first few.
        self._accepted, self._answered = 0, 0
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="scores", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def waiting(self) -> int:
        return self._accepted - self._answered

    def require_room(self) -> None:
        """
        Raises:
            Refusal: 429, the queue is full.
        """
        if self.waiting >= self._most:
            raise Refusal(429, "service", f"{self.waiting} requests waiting", "fewer", "Try again later.", AFTER)

    async def score(self, kind: Kind, requests: list[Any], many: bool) -> Scored:
        """Answers in the order of the requests.

        Raises:
            Refusal: 429, the queue is full.
            DistillRecError: as the student refuses one of them.
        """
        self.require_room()
        job = Job(kind, requests, many, self._loop.create_future())
        self._accepted += len(requests)
        self._jobs.put(job)
        return await job.answer

    def close(self) -> None:
        """End the thread when it has answered what it has."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while jobs := drain(self._jobs, self._batch, lambda job: len(job.requests)):
            # One version for all of them, so that no answer is half of the old one and half of the new.
            version = self._live.version
            done: list[tuple[Job, Scored | Exception]] = []
            for kind in {job.kind.name: job.kind for job in jobs}.values():
                done += _answer(kind, [job for job in jobs if job.kind is kind], version)
            size = sum(len(job.requests) for job in jobs)
            self._answered += size
            self._metrics.batch.observe(size)
            self._loop.call_soon_threadsafe(_deliver, done)


def _deliver(done: list[tuple[Job, Scored | Exception]]) -> None:
    for job, answer in done:
        if job.answer.done():  # cancelled: the client has gone
            continue
        if isinstance(answer, Scored):
            job.answer.set_result(answer)
        else:
            job.answer.set_exception(answer)


def _answer(kind: Kind, jobs: list[Job], version: Version) -> list[tuple[Job, Scored | Exception]]:
    try:
        values = kind.run(version.student, [request for job in jobs for request in job.requests])
        return _split(jobs, values, version)
    except Exception as error:  # whatever it is, it must reach those who wait, and the thread must live on
        if len(jobs) == 1:
            if not isinstance(error, DistillRecError):
                log.error("a request failed", exc_info=error)
            return [(jobs[0], error)]
        # One of them is at fault; the others must not suffer.
        return [pair for job in jobs for pair in _answer(kind, [job], version)]


def _split(jobs: list[Job], values: list[Any], version: Version) -> list[tuple[Job, Scored | Exception]]:
    out: list[tuple[Job, Scored | Exception]] = []
    start = 0
    for job in jobs:
        mine = values[start : start + len(job.requests)]
        start += len(job.requests)
        body = orjson.dumps(mine if job.many else mine[0], option=orjson.OPT_SERIALIZE_NUMPY)
        out.append((job, Scored(body, version)))
    return out
