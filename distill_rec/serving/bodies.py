"""Bodies of requests: models within a service's limits, which the OpenAPI page shows and `requests` checks by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model
from pydantic_core import PydanticCustomError

from distill_rec.serving.settings import Limits

HISTORY = "ids of clicked items, oldest first; unknown ones are skipped"
SEEN = "recommend items of the history too, for people who come back to them"


class Body(BaseModel):
    """Base of every body: nothing is converted, and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True)
class Bodies:
    """The models of one service."""

    limits: Limits
    rank: type[Body]
    recommend: type[Body]
    text: type[Body]
    fields: type[Body]


def bodies_of(limits: Limits) -> Bodies:
    """The models within these limits."""
    history: Any = (_ids(limits.history), _none_given(HISTORY))
    candidates: Any = _ids(limits.candidates)
    text: Any = Annotated[str, Field(max_length=limits.text)]
    few = BeforeValidator(partial(_counted, limits.fields))
    fields: Any = Annotated[dict[str, text], Field(max_length=limits.fields), few]
    k = Annotated[int, Field(ge=1, le=limits.k)]
    rank = create_model(
        "RankBody",
        __base__=Body,
        __doc__="Candidates to rank for a history.",
        history=history,
        candidates=(candidates, Field(description="ids of items of the catalogue")),
    )
    recommend = create_model(
        "RecommendBody",
        __base__=Body,
        __doc__="A history to recommend items for.",
        history=history,
        k=(k, Field(10, description="how many items; at most as many as the catalogue has")),
        exclude=(candidates, _none_given("further ids to leave out; unknown ones are ignored")),
        only=(candidates | None, Field(None, description="recommend among these alone")),
        seen=(bool, Field(False, description=SEEN)),
    )
    of_text = create_model("TextBody", __base__=Body, __doc__="An item by its text.", text=(text, ...))
    told = "An item by the fields that the data set's text template reads."
    of_fields = create_model("FieldsBody", __base__=Body, __doc__=told, fields=(fields, ...))
    return Bodies(limits, rank, recommend, of_text, of_fields)


def _none_given(description: str) -> Any:
    """A list that is empty where it is left out; made anew, as copying a default takes longer than the check."""
    return Field(default_factory=list, description=description, json_schema_extra={"default": []})


def _counted(most: int, value: Any) -> Any:
    """Counted before any is looked at, as a body may hold very many."""
    if isinstance(value, dict) and len(value) > most:
        raise PydanticCustomError("too_long", "too many", {"actual_length": len(value), "max_length": most})
    return value


def _ids(most: int) -> Any:
    """A list of ids; its first fault ends the check."""
    return Annotated[list[str], Field(max_length=most, fail_fast=True)]
