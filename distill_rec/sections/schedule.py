"""Keys of `[student.loss]` that change while a student learns: each a pure function of how far the training is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self, TypeVar

from pydantic import BaseModel, Field, model_validator

from distill_rec.sections.base import Section

Loss = TypeVar("Loss", bound=BaseModel)


class Ramp(Section):
    """A number that goes from `start` to `end` in a straight line, and stays there."""

    start: float = Field(ge=0, description="value until it begins to change")
    end: float = Field(ge=0, description="value from when it has changed")
    over: float = Field(1.0, gt=0, le=1, description="share of the schedule in which it changes")
    after: float = Field(0.0, ge=0, lt=1, description="share of the schedule before it begins to change")

    @model_validator(mode="after")
    def _within(self) -> Self:
        if self.after + self.over > 1 + 1e-9:
            raise ValueError(f"after + over is at most 1, not {self.after:g} + {self.over:g}")
        return self

    def at(self, progress: float) -> float:
        """Its value where `progress`, 0 to 1, of the schedule is done."""
        done = min(max((progress - self.after) / self.over, 0.0), 1.0)
        return self.start + done * (self.end - self.start)


def values_at(schedule: Mapping[str, Ramp], progress: float) -> dict[str, float]:
    """Value of each scheduled key."""
    return {key: ramp.at(progress) for key, ramp in schedule.items()}


def with_values(loss: Loss, values: Mapping[str, float]) -> Loss:
    """The section of losses with other values of some keys."""
    return loss.model_copy(update=dict(values))


def at_largest(loss: Loss, schedule: Mapping[str, Ramp]) -> Loss:
    """The section with each scheduled key at its largest: what must be there for a loss that is on at any time."""
    return with_values(loss, {key: max(ramp.start, ramp.end) for key, ramp in schedule.items()})


def refuse_schedule(loss: BaseModel, schedule: Mapping[str, Ramp]) -> None:
    """
    Raises:
        ValueError: a key that is no number of the losses, or a value that it may not have.
    """
    fields = type(loss).model_fields
    for key, ramp in schedule.items():
        if key not in fields or fields[key].annotation is not float:
            known = ", ".join(name for name, field in fields.items() if field.annotation is float)
            raise ValueError(f"schedule.{key} is no key of student.loss that can change gradually; these can: {known}")
        for value in (ramp.start, ramp.end):
            if value == 0 and any(getattr(mark, "gt", None) is not None for mark in fields[key].metadata):
                raise ValueError(f"schedule.{key} stays above 0")
