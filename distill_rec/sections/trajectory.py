"""`teacher.trajectory`: what a teacher keeps of the way that its training took."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from distill_rec.sections.base import Section


class TrajectorySection(Section):
    """A teacher whose earlier states can teach before it does."""

    trajectory: list[Annotated[int, Field(ge=1)]] = Field(
        default_factory=list,
        description="updates of its (last) training after which it hands over what it knows then, too, for "
        "student.order; those after the weights that are kept in the end are left out",
    )

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.trajectory != sorted(set(self.trajectory)):
            raise ValueError(f"trajectory is rising numbers of updates, not {self.trajectory}")
        return self
