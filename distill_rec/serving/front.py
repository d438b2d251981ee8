"""What every request passes: who may come in, counting, errors in one form; and a short way for scores."""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from distill_rec.runtime import DataError
from distill_rec.serving.body import Gone, Message, Receive, Scope, Send, header
from distill_rec.serving.metrics import Metrics
from distill_rec.serving.refusal import JSON, Headers, Refusal, error_bytes, header_pairs
from distill_rec.serving.settings import Settings

log = logging.getLogger("distill_rec.serving")
App = Callable[[Scope, Receive, Send], Awaitable[None]]
OPEN = {"/health", "/ready", "/", "/page.js", "/page.css", "/docs", "/openapi.json"}
LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}
FAULT = Refusal(500, "service", "a fault of its own", do="See its log.")


@dataclass(frozen=True)
class Reply:
    """A whole answer."""

    body: bytes
    status: int = 200
    headers: Headers = field(default_factory=lambda: [JSON])


Short = Callable[[Scope, Receive], Awaitable[Reply]]


class Front:
    """ASGI in front of the application.

    Args:
        short: POST handlers by path that need no routing, which would take longer than the scores.
    """

    def __init__(self, app: App, short: Mapping[str, Short], settings: Settings, metrics: Metrics) -> None:
        self._app, self._short, self._metrics = app, short, metrics
        self._expected = None if settings.token is None else b"Bearer " + settings.token.encode()
        self._access_log = settings.access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 499  # as other servers count a client that has hung up
        try:
            status = await self._serve(scope, receive, send)
        except Gone:
            pass
        finally:
            self._count(scope, status, time.perf_counter() - began)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> int:
        begun: list[int] = []

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                begun.append(message["status"])
            await send(message)

        try:
            self._require_allowed(scope)
            handler = self._short.get(scope["path"]) if scope["method"] == "POST" else None
            if handler is None:
                await self._app(scope, receive, noted)
                return begun[0] if begun else 500
            reply = await handler(scope, receive)
        except Refusal as refusal:
            reply = Reply(error_bytes(refusal), refusal.status, header_pairs(refusal))
        except DataError as error:
            reply = Reply(error_bytes(error), 422)
        except Gone:
            raise
        except Exception as error:
            log.error("a request failed", exc_info=error)
            reply = Reply(error_bytes(FAULT), FAULT.status)
        if begun:  # the application has answered already
            return begun[0]
        length = (b"content-length", str(len(reply.body)).encode())
        await send({"type": "http.response.start", "status": reply.status, "headers": [*reply.headers, length]})
        await send({"type": "http.response.body", "body": reply.body})
        return reply.status

    def _require_allowed(self, scope: Scope) -> None:
        if self._expected is None:
            _require_this_machine(scope)
        elif scope["path"] not in OPEN:
            given = header(scope, b"authorization") or b""
            if not hmac.compare_digest(given, self._expected):
                found = "another token" if given else "no token"
                challenge = {"www-authenticate": "Bearer"}
                raise Refusal(
                    401, "header authorization", found, "Bearer and the service's token", "Send it.", challenge
                )

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route(scope)
        self._metrics.answered(route, status, seconds)
        if self._access_log:
            milliseconds = round(1000 * seconds, 3)
            fields: dict[str, Any] = {"route": route, "status": status, "ms": milliseconds}
            log.info("answered", extra={"fields": fields})


def _require_this_machine(scope: Scope) -> None:
    """Without a token: a page of another site, whose name was made to lead here, has that name in its requests."""
    host = (header(scope, b"host") or b"").decode("latin-1").lower()
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if name not in LOOPBACK:
        raise Refusal(
            403,
            "header host",
            "another name than this machine's",
            "localhost",
            "Set DISTILL_REC_TOKEN to serve under another name.",
        )


def _route(scope: Scope) -> str:
    path: str = scope["path"]
    if path.startswith("/items/"):
        return "/items/{id}"
    return path if path in ROUTES else "other"


ROUTES = OPEN | {"/rank", "/recommend", "/teacher/recommend", "/catalogue", "/metrics", "/reload"}
