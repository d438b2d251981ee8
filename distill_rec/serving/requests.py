"""Bodies to requests, checked by the models of `bodies`; a refusal says the place in the body and what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError

from distill_rec.runtime import Request
from distill_rec.serving.bodies import Bodies, Body
from distill_rec.serving.refusal import Refusal

T = TypeVar("T")
KINDS = {dict: "an object", list: "a list", str: "a text", int: "a number", float: "a number", bool: "true or false"}
ITEM = ("text", "fields")
IDS, ID, TEXT, TEXTS = "a list of item ids", "an item id, which is a text", "a text", "an object of texts"


class RankRequest(NamedTuple):
    """Item ids, the history's oldest first."""

    history: list[str]
    candidates: list[str]


def read_rank(value: Any, bodies: Bodies, where: str) -> RankRequest:
    """
    Raises:
        Refusal: 422, with the place in the body.
    """
    body = _checked(value, bodies.rank, bodies, where)
    return RankRequest(body.history, body.candidates)


def read_recommend(value: Any, bodies: Bodies, where: str) -> Request:
    """
    Raises:
        Refusal: 422, with the place in the body.
    """
    body = _checked(value, bodies.recommend, bodies, where)
    return Request(body.history, body.k, body.exclude, body.only, body.seen)


def read_many(value: Any, read: Callable[[Any, Bodies, str], T], bodies: Bodies) -> tuple[list[T], bool]:
    """The requests of a body, and whether it was a list of them."""
    if type(value) is not list:
        return [read(value, bodies, "")], False
    if len(value) > bodies.limits.requests:
        most = f"at most {bodies.limits.requests:,}"
        raise Refusal(422, "body", f"{len(value):,} requests", most, "Send them in parts.")
    return [read(one, bodies, f"[{place}].") for place, one in enumerate(value)], True


def read_item(value: Any, bodies: Bodies) -> str | dict[str, str]:
    """A text, or the fields that the data set's template is filled with.

    Raises:
        Refusal: 422, with the place in the body.
    """
    _require_keys(value, ITEM, "")
    if len(value) != 1:
        raise Refusal(422, "body", f"{len(value)} keys", "either text or fields")
    if "text" in value:
        text: str = _checked(value, bodies.text, bodies, "").text
        return text
    fields: dict[str, str] = _checked(value, bodies.fields, bodies, "").fields
    return fields


def _checked(value: Any, model: type[Body], bodies: Bodies, where: str) -> Any:
    _require_keys(value, model.model_fields, where)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise _refusal(error, bodies, where) from None


def _require_keys(value: Any, keys: Collection[str], where: str) -> None:
    """Before a model sees it, which would list every unknown key of a body that holds very many."""
    if type(value) is not dict:
        raise Refusal(422, where.rstrip(".") or "body", _kind(value), f"an object with {' and '.join(keys)}")
    if unknown := [key for key in value if key not in keys]:
        raise Refusal(422, f"{where}{min(unknown)}", "an unknown key", f"some of {', '.join(keys)}")


def _refusal(error: ValidationError, bodies: Bodies, where: str) -> Refusal:
    """The first fault, in words."""
    fault = error.errors(include_url=False)[0]
    key, *inside = fault["loc"]
    place = where + str(key) + "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in inside)
    found, expected = _words(fault, str(key), bodies)
    return Refusal(422, place, found, expected)


def _words(fault: Any, key: str, bodies: Bodies) -> tuple[str, str]:
    kind, given, bounds = fault["type"], fault["input"], fault.get("ctx", {})
    if kind == "missing":
        return "nothing", IDS
    if kind == "bool_type":
        return _kind(given), "true or false"
    if kind == "too_long":
        return (
            f"{bounds['actual_length']:,} {'fields' if key == 'fields' else 'ids'}",
            f"at most {bounds['max_length']:,}",
        )
    if kind == "string_too_long":
        return f"{len(given):,} characters", f"at most {bounds['max_length']:,}"
    if key == "k":
        return str(given) if type(given) is int else _kind(given), f"a whole number from 1 to {bodies.limits.k}"
    expected = {"list_type": IDS, "dict_type": TEXTS}.get(kind, TEXT if key in ITEM else ID)
    return _kind(given), expected


def _kind(value: Any) -> str:
    return KINDS.get(type(value), "null")
