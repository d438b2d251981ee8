"""Bodies and answers as the OpenAPI page shows them; the checks themselves are in `requests`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Id = Annotated[str, Field(description="an item's id", examples=["50"])]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RankBody(_Body):
    """Candidates to rank for a history."""

    history: list[str] = Field([], description="ids of clicked items, oldest first; unknown ones are skipped")
    candidates: list[str] = Field(description="ids of items of the catalogue")


class RecommendBody(_Body):
    """A history to recommend items for."""

    history: list[str] = Field([], description="ids of clicked items, oldest first; unknown ones are skipped")
    k: int = Field(10, ge=1, description="how many items; at most as many as the catalogue has")
    exclude: list[str] = Field([], description="further ids to leave out; unknown ones are ignored")
    only: list[str] | None = Field(None, description="recommend among these alone")
    seen: bool = Field(False, description="recommend items of the history too, for people who come back to them")


class TextBody(_Body):
    """An item by its text."""

    text: str


class FieldsBody(_Body):
    """An item by the fields that the data set's text template reads."""

    fields: dict[str, str]


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
