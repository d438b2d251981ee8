"""The parts of a running service, and the handlers that need them."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson

from distill_rec.serving import kinds
from distill_rec.serving.batcher import Batcher, Kind
from distill_rec.serving.bodies import bodies_of
from distill_rec.serving.body import Receive, Scope, read_json
from distill_rec.serving.front import Reply
from distill_rec.serving.live import Live, Version
from distill_rec.serving.metrics import Metrics
from distill_rec.serving.refusal import JSON, Refusal
from distill_rec.serving.reload import Reloader
from distill_rec.serving.requests import read_item, read_many, read_rank, read_recommend
from distill_rec.serving.search import Search
from distill_rec.serving.settings import Settings
from distill_rec.serving.state import Item, State, Update
from distill_rec.serving.updates import Updates

log = logging.getLogger("distill_rec.serving")
ITEMS = b"/items/"
VERSION = b"distill-rec-version"


class Service:
    """Threads start with `start`, in the event loop that serves."""

    def __init__(self, settings: Settings, version: Version, state: State | None, metrics: Metrics) -> None:
        self.settings, self.live, self.metrics = settings, Live(version), metrics
        self.search, self.bodies = Search(self.live), bodies_of(settings.limits)
        self._state = state

    def start(self) -> None:
        """Start the worker threads, and listen for SIGHUP."""
        limits = self.settings.limits
        self.batcher = Batcher(self.live, limits.waiting, limits.batch, self.metrics)
        self.updates = Updates(self.live, self._state, limits.updates, self.metrics)
        self.reloader = Reloader(self.settings, self.live, self.updates, self.metrics)
        info = self.live.version.student.info
        self.metrics.serving(str(info.version), info.digest)
        loop = asyncio.get_running_loop()
        self._reloads: set[asyncio.Task[None]] = set()
        try:
            loop.add_signal_handler(signal.SIGHUP, self._reload_on_signal)
        except (ValueError, RuntimeError):
            log.warning("no reload by SIGHUP: not in the main thread")

    def _reload_on_signal(self) -> None:
        task = asyncio.get_running_loop().create_task(self.reloader.on_signal())
        self._reloads.add(task)  # a loop holds its tasks weakly
        task.add_done_callback(self._reloads.discard)

    async def stop(self) -> None:
        """Finish what was accepted."""
        for task in self._reloads:
            task.cancel()
        await asyncio.to_thread(self.updates.close)
        await asyncio.to_thread(self.batcher.close)

    @property
    def ready(self) -> bool:
        return self.batcher.alive

    async def rank(self, scope: Scope, receive: Receive) -> Reply:
        return await self._score(kinds.RANK, read_rank, scope, receive)

    async def recommend(self, scope: Scope, receive: Receive) -> Reply:
        return await self._score(kinds.RECOMMEND, read_recommend, scope, receive)

    async def teacher_recommend(self, scope: Scope, receive: Receive) -> Reply:
        return await self._score(kinds.TEACHER_RECOMMEND, read_recommend, scope, receive)

    async def _score(self, kind: Kind, read: Any, scope: Scope, receive: Receive) -> Reply:
        self.batcher.require_room()  # before the body is read: a refusal must cost next to nothing
        limits = self.settings.limits
        requests, many = read_many(await read_json(scope, receive, limits), read, self.bodies)
        if not requests:
            return Reply(b"[]")
        scored = await self.batcher.score(kind, requests, many)
        return Reply(scored.body, headers=[JSON, (VERSION, scored.version.tag)])

    async def put_item(self, scope: Scope, receive: Receive) -> Reply:
        name = self._item_id(scope)
        item = read_item(await read_json(scope, receive, self.settings.limits), self.bodies)
        return await self._update(name, item)

    async def delete_item(self, scope: Scope) -> Reply:
        return await self._update(self._item_id(scope), None)

    async def _update(self, name: str, item: Item | None) -> Reply:
        await self.updates.apply(Update(name, item))
        return Reply(orjson.dumps({"id": name}))

    def _item_id(self, scope: Scope) -> str:
        """An id is text and no path: `a%2Fb` and `..` are ids like others."""
        raw = scope["raw_path"].removeprefix(ITEMS)
        if not raw or b"/" in raw:
            raise Refusal(404, "path", "a path below an item", "/items/{id}", "Write / in an id as %2F.")
        name = unquote_to_bytes(raw)
        if len(name) > self.settings.limits.id:
            raise Refusal(422, "id", f"{len(name):,} bytes", f"at most {self.settings.limits.id:,}")
        try:
            return name.decode("utf-8")
        except UnicodeDecodeError:
            raise Refusal(422, "id", "bytes that are not UTF-8", "UTF-8, percent-encoded") from None

    async def reload(self) -> Reply:
        if self.settings.token is None:
            raise Refusal(
                403,
                "reload",
                "this service has no token",
                "a service with one",
                "Send SIGHUP to the process, or start it with DISTILL_REC_TOKEN.",
            )
        return Reply(orjson.dumps(await self.reloader.on_request()))

    async def catalogue(self, query: str, limit: int, ids: list[str]) -> Reply:
        if ids:
            found = await asyncio.to_thread(self.search.named, ids)
        else:
            found = await asyncio.to_thread(self.search.find, query, limit)
        return Reply(orjson.dumps({"items": [{"id": item, "text": text} for item, text in found]}))

    def metrics_text(self) -> bytes:
        version = self.live.version
        self.metrics.waiting.set(self.batcher.waiting)
        self.metrics.items.set(version.student.info.items)
        self.metrics.skipped.set(version.student.skipped)
        return self.metrics.text()
