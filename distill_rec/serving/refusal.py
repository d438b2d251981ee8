"""Refusals: errors with an HTTP status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from distill_rec.runtime.errors import DistillRecError

SHOWN = 200
Headers = list[tuple[bytes, bytes]]
JSON: tuple[bytes, bytes] = (b"content-type", b"application/json")


class Refusal(DistillRecError):
    """A request that is not served, and why."""

    def __init__(
        self,
        status: int,
        where: str,
        found: str,
        expected: str = "",
        do: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(where, found, expected, do)
        self.status, self.headers = status, dict(headers or {})


def error_of(error: DistillRecError) -> dict[str, Any]:
    """The body of an answer; what a client sent is shown shortened."""
    parts = error.parts()
    # The runtime advises who imports it; over HTTP its methods have other names.
    parts["do"] = parts["do"].replace("with add_items", "with PUT /items/{id}")
    shown = {name: text if len(text) <= SHOWN else text[:SHOWN] + "…" for name, text in parts.items()}
    return {"error": shown}


def error_bytes(error: DistillRecError) -> bytes:
    return orjson.dumps(error_of(error))


def header_pairs(refusal: Refusal) -> Headers:
    return [JSON, *((name.encode(), value.encode()) for name, value in refusal.headers.items())]
