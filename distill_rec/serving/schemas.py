"""Answers as the OpenAPI page shows them; what is asked is in `bodies`, whose models check it too."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class Scores(BaseModel):
    """Scores in the order of the candidates; only their order has a meaning."""

    scores: list[float]


class Scored(BaseModel):
    id: str
    score: float


class Items(BaseModel):
    """Best first."""

    items: list[Scored]


class Found(BaseModel):
    id: str
    text: str


class Catalogue(BaseModel):
    items: list[Found]


class Stored(BaseModel):
    """On disk, and in the catalogue."""

    id: str


class Reloaded(BaseModel):
    version: str
    digest: str
    items: int
    seconds: float


class State(BaseModel):
    status: str


class Fault(BaseModel):
    where: str
    found: str
    expected: str
    do: str


class Error(BaseModel):
    """What is wrong, and what to do."""

    error: Fault


def body_of(*models: type[BaseModel], many: bool = False) -> dict[str, Any]:
    """The `requestBody` of an operation: one of these models, or with `many` a list of the one."""
    shapes: list[dict[str, Any]] = [model.model_json_schema() for model in models]
    if many:
        shapes.append({"type": "array", "items": shapes[0]})
    schema = shapes[0] if len(shapes) == 1 else {"oneOf": shapes}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error answers of an operation."""
    return {status: {"model": Error} for status in statuses}
