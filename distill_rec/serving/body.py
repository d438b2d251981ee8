"""Bodies: streamed under a limit, and strict JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from distill_rec.serving.refusal import Refusal
from distill_rec.serving.settings import Limits

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


# A refused body up to this long is still read, and dropped: who is cut off while sending seldom sees the answer.
DROPPED = 32_000_000


class Gone(Exception):
    """The client has hung up; nobody is left to answer."""


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first header of this (lower-case) name."""
    return next((value for key, value in scope["headers"] if key == name), None)


async def read_json(scope: Scope, receive: Receive, limits: Limits) -> Any:
    """The value of a JSON body.

    Raises:
        Refusal: 413 too long, 415 another type, 408 too slow, 422 no JSON (NaN and infinities are none).
        Gone: the client has hung up.
    """
    _require_json(header(scope, b"content-type"))
    body = await _read(scope, receive, limits)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:  # its message has a place and no content
        raise Refusal(422, "body", str(error), "JSON without NaN and infinities, not deeply nested, in UTF-8") from None


def _require_json(kind: bytes | None) -> None:
    # A page of another site can make a browser send forms and plain text without asking, but not JSON.
    if kind is None or kind.partition(b";")[0].strip().lower() != b"application/json":
        found = "none" if kind is None else repr(kind.decode("latin-1"))
        raise Refusal(
            415, "header content-type", found, "application/json", "Send -H 'content-type: application/json'."
        )


async def _read(scope: Scope, receive: Receive, limits: Limits) -> bytes:
    given = header(scope, b"content-length")
    length = int(given[:20]) if given is not None and given.isdigit() else None
    if length is not None and length > limits.body:
        raise _too_long(f"{length:,} bytes", limits.body, cut=length > DROPPED)
    message = await receive()
    body = _part(message)
    if not message.get("more_body", False):
        if len(body) > limits.body:
            raise _too_long(f"{len(body):,} bytes", limits.body, cut=False)
        return body
    try:
        async with asyncio.timeout(limits.seconds):
            return await _read_on(body, receive, limits.body)
    except TimeoutError:
        found = f"not complete after {limits.seconds:g} s"
        raise Refusal(408, "body", found, "a body in one go", headers={"connection": "close"}) from None


async def _read_on(body: bytes, receive: Receive, limit: int) -> bytes:
    parts, size, more = [body], len(body), True
    while more:
        message = await receive()
        part = _part(message)
        parts.append(part)
        size, more = size + len(part), message.get("more_body", False)
        if size > limit:
            raise _too_long(f"over {limit:,} bytes", limit, cut=True)
    return b"".join(parts)


def _part(message: Message) -> bytes:
    if message["type"] == "http.disconnect":
        raise Gone
    body: bytes = message.get("body", b"")
    return body


def _too_long(found: str, limit: int, cut: bool) -> Refusal:
    headers = {"connection": "close"} if cut else {}
    return Refusal(413, "body", found, f"at most {limit:,} bytes", "Send fewer requests at once.", headers)
