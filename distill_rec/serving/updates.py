"""PUT and DELETE: one thread writes them to disk, in groups, and then changes the catalogue."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from distill_rec.runtime import DistillRecError, Student
from distill_rec.serving.drain import drain
from distill_rec.serving.live import Live, Version
from distill_rec.serving.metrics import Metrics
from distill_rec.serving.refusal import Refusal
from distill_rec.serving.state import Item, State, StateError, Update

log = logging.getLogger("distill_rec.serving")
GROUP = 256


@dataclass(frozen=True)
class Waiting:
    """An update, and who waits for it."""

    update: Update
    answer: asyncio.Future[None]


class Updates:
    """Updates in the order in which they came. What waits shares one write to the disk and one new catalogue.

    Attributes:
        switching: held while updates are stored and applied, and while a new version takes over: an update is
            either among those that the new version was given, or is applied to it.
    """

    def __init__(self, live: Live, state: State | None, most: int, metrics: Metrics) -> None:
        self._live, self.state, self._most, self._metrics = live, state, most, metrics
        self.switching = threading.Lock()
        self._queue: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="updates", daemon=True)
        self._thread.start()

    async def apply(self, update: Update) -> None:
        """Returns when the update is on disk and in the catalogue.

        Raises:
            Refusal: 503 it cannot be stored, 404 an item to remove is not there, 429 too many wait.
            DataError: the student cannot encode the item.
        """
        if self.state is None or not self.state.writable:
            raise Refusal(
                503,
                "catalogue updates",
                "no folder that can be written",
                "a service with one",
                "Start it with --state DIR.",
            )
        if self._queue.qsize() >= self._most:
            found = f"{self._most} updates waiting"
            raise Refusal(429, "service", found, "fewer", "Try again later.", {"retry-after": "1"})
        waiting = Waiting(update, self._loop.create_future())
        self._queue.put(waiting)
        # A client that hangs up must not cancel what others may see already.
        await asyncio.shield(waiting.answer)

    def close(self) -> None:
        """End the thread when it has stored what it has."""
        self._queue.put(None)
        self._thread.join()
        if self.state is not None:
            self.state.close()

    def _work(self) -> None:
        while group := drain(self._queue, GROUP):
            try:
                refused = self._store([waiting.update for waiting in group])
            except DistillRecError as error:
                refused = dict.fromkeys(range(len(group)), error)
            except Exception as error:  # those who wait must hear of it, and the thread must live on
                log.error("updates failed", exc_info=error)
                refused = dict.fromkeys(range(len(group)), error)
            self._loop.call_soon_threadsafe(_deliver, group, refused)

    def _store(self, updates: list[Update]) -> dict[int, Exception]:
        """Store and apply; the refused ones by place."""
        assert self.state is not None
        with self.switching:
            version = self._live.version
            refused = _refused(version, updates)
            good = [update for place, update in enumerate(updates) if place not in refused]
            if good:
                try:
                    self.state.store(good)
                except StateError as error:
                    log.error("updates cannot be stored", extra={"fields": {"found": error.found}})
                    raise Refusal(503, "catalogue updates", error.found, "a disk that can be written") from error
                apply_updates(version, good)
        for update in good:
            self._metrics.updates.labels("remove" if update.item is None else "put").inc()
        return refused


def _refused(version: Version, updates: list[Update]) -> dict[int, Exception]:
    """What the student cannot encode, and removals of items that are not there when their turn comes."""
    refused: dict[int, Exception] = {}
    added: dict[str, bool] = {}
    for place, (name, item) in enumerate(updates):
        if item is not None:
            if error := _fault(version.student, item):
                refused[place] = error
                continue
        elif not added.get(name, name in version.student):
            refused[place] = Refusal(404, "id", "no item of this id", "an item of the catalogue")
            continue
        added[name] = item is not None
    return refused


def _fault(student: Student, item: Item) -> DistillRecError | None:
    try:
        student.encode_items([item])
    except DistillRecError as error:
        return error
    return None


def apply_updates(version: Version, updates: Sequence[Update]) -> None:
    """Change a student's catalogue; of an item's updates the last one counts.

    Raises:
        DataError: an item cannot be encoded.
    """
    last = {update.id: update.item for update in updates}
    if added := {name: item for name, item in last.items() if item is not None}:
        version.student.add_items(added)
    # A new version may lack what was removed from an older one.
    if removed := [name for name, item in last.items() if item is None and name in version.student]:
        version.student.remove_items(removed)
    version.changes += 1


def _deliver(group: list[Waiting], refused: dict[int, Exception]) -> None:
    for place, waiting in enumerate(group):
        if waiting.answer.done():
            continue
        if place in refused:
            waiting.answer.set_exception(refused[place])
        else:
            waiting.answer.set_result(None)
