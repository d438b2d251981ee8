"""Bodies to requests, checked by hand: a request for scores must not cost more to check than to answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from distill_rec.runtime import Request
from distill_rec.serving.refusal import Refusal
from distill_rec.serving.settings import Limits

T = TypeVar("T")
KINDS = {dict: "an object", list: "a list", str: "a text", int: "a number", float: "a number", bool: "true or false"}
RANK = ("history", "candidates")
RECOMMEND = ("history", "k", "exclude", "only", "seen")
ITEM = ("text", "fields")


class RankRequest(NamedTuple):
    """Item ids, the history's oldest first."""

    history: list[str]
    candidates: list[str]


def read_rank(value: Any, limits: Limits, where: str) -> RankRequest:
    """
    Raises:
        Refusal: 422, with the place in the body.
    """
    fields = _object(value, RANK, where)
    if "candidates" not in fields:
        raise Refusal(422, f"{where}candidates", "nothing", "a list of item ids")
    return RankRequest(
        _ids(fields.get("history", []), f"{where}history", limits.history),
        _ids(fields["candidates"], f"{where}candidates", limits.candidates),
    )


def read_recommend(value: Any, limits: Limits, where: str) -> Request:
    """
    Raises:
        Refusal: 422, with the place in the body.
    """
    fields = _object(value, RECOMMEND, where)
    k, only, seen = fields.get("k", 10), fields.get("only"), fields.get("seen", False)
    if type(k) is not int or not 1 <= k <= limits.k:
        found = str(k) if type(k) is int else _kind(k)
        raise Refusal(422, f"{where}k", found, f"a whole number from 1 to {limits.k}")
    if type(seen) is not bool:
        raise Refusal(422, f"{where}seen", _kind(seen), "true or false")
    return Request(
        _ids(fields.get("history", []), f"{where}history", limits.history),
        k,
        _ids(fields.get("exclude", []), f"{where}exclude", limits.candidates),
        None if only is None else _ids(only, f"{where}only", limits.candidates),
        seen,
    )


def read_many(value: Any, read: Callable[[Any, Limits, str], T], limits: Limits) -> tuple[list[T], bool]:
    """The requests of a body, and whether it was a list of them."""
    if type(value) is not list:
        return [read(value, limits, "")], False
    if len(value) > limits.requests:
        raise Refusal(422, "body", f"{len(value):,} requests", f"at most {limits.requests:,}", "Send them in parts.")
    return [read(one, limits, f"[{place}].") for place, one in enumerate(value)], True


def read_item(value: Any, limits: Limits) -> str | dict[str, str]:
    """A text, or the fields that the data set's template is filled with.

    Raises:
        Refusal: 422, with the place in the body.
    """
    parts = _object(value, ITEM, "")
    if len(parts) != 1:
        raise Refusal(422, "body", f"{len(parts)} keys", "either text or fields")
    if "text" in parts:
        return _text(parts["text"], "text", limits)
    fields = parts["fields"]
    if type(fields) is not dict:
        raise Refusal(422, "fields", _kind(fields), "an object of texts")
    if len(fields) > limits.fields:
        raise Refusal(422, "fields", f"{len(fields):,} fields", f"at most {limits.fields}")
    return {name: _text(text, f"fields.{name}", limits) for name, text in fields.items()}


def _object(value: Any, keys: tuple[str, ...], where: str) -> dict[str, Any]:
    if type(value) is not dict:
        raise Refusal(422, where.rstrip(".") or "body", _kind(value), f"an object with {' and '.join(keys)}")
    if unknown := value.keys() - set(keys):
        raise Refusal(422, f"{where}{min(unknown)}", "an unknown key", f"some of {', '.join(keys)}")
    return value


def _ids(value: Any, where: str, most: int) -> list[str]:
    if type(value) is not list:
        raise Refusal(422, where, _kind(value), "a list of item ids")
    if len(value) > most:
        raise Refusal(422, where, f"{len(value):,} ids", f"at most {most:,}")
    if value and set(map(type, value)) != {str}:
        place, wrong = next((place, one) for place, one in enumerate(value) if type(one) is not str)
        raise Refusal(422, f"{where}[{place}]", _kind(wrong), "an item id, which is a text")
    return value


def _text(value: Any, where: str, limits: Limits) -> str:
    if type(value) is not str:
        raise Refusal(422, where, _kind(value), "a text")
    if len(value) > limits.text:
        raise Refusal(422, where, f"{len(value):,} characters", f"at most {limits.text:,}")
    return value


def _kind(value: Any) -> str:
    return KINDS.get(type(value), "null")
