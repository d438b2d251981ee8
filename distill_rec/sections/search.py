"""`[search]` of a recipe: which keys of `[student]` a search varies, and over what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator

from distill_rec.sections.base import Section


@dataclass(frozen=True)
class Choice:
    """A key that has one of several values; a table among them is laid over the section that the key names."""

    values: Sequence[Any]


class Range(Section):
    """A key that has a number from `low` to `high`; a whole one where both are whole."""

    low: int | float = Field(description="least")
    high: int | float = Field(description="largest")
    log: bool = Field(False, description="drawn evenly by its logarithm")
    step: int | float | None = Field(None, gt=0, description="distance of the values that may be drawn")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low is less than high, not {self.low} and {self.high}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log wants low above zero and no step")
        return self

    @property
    def whole(self) -> bool:
        return all(isinstance(one, int) for one in (self.low, self.high, self.step or 1))


Dimension = Choice | Range
ENDS = {"low", "high"}


def dimensions_of(space: Mapping[str, Any], prefix: str = "") -> dict[str, Dimension]:
    """A space by dotted key: lists are choices, tables of `low` and `high` ranges, other tables sections.

    Raises:
        ValueError: naming the key whose value is none of these.
    """
    out: dict[str, Dimension] = {}
    for name, value in space.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and not ENDS & set(value):
            out |= dimensions_of(value, f"{key}.")
        elif isinstance(value, Mapping):
            try:
                out[key] = Range.model_validate(value)
            except ValidationError as error:
                raise ValueError(f"{key}: {_first(error)}") from None
        elif isinstance(value, list) and value:
            out[key] = Choice(value)
        else:
            raise ValueError(f"{key} is a list of values or {{low = ..., high = ...}}, not {value!r}")
    return out


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    where, text = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
    return f"{where}: {text}" if where else text


class SearchSection(Section):
    """What `distill-rec search` varies; a run of the recipe reads nothing of it."""

    space: dict[str, Any] = Field(
        default_factory=dict,
        description="keys of [student], each with a list of values or {low, high}, as dim = [32, 64]; {}: sizes and "
        "losses of the recipe's own kind of student",
    )
    seed: int = Field(0, description="draws the trials")

    @model_validator(mode="after")
    def _of_lists_and_ranges(self) -> Self:
        dimensions_of(self.space)
        return self
