"""`student.taught`: what holds a student down while a teacher teaches it, and how long and fast it learns then."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from distill_rec.sections.base import Section
from distill_rec.sections.optimizer import OptimizerSection


class TaughtSection(Section):
    """Of a student that learns from a teacher, in the place of `[student]`'s keys of the same names.

    Few clicks are learned by heart where nothing holds a model down. A teacher says something of every item for every
    history, and whatever blurs that keeps the student from it. Students without a teacher keep `[student]`'s own.
    """

    dropout: float = Field(0.0, ge=0, lt=1, description="dropout in the user encoder")
    offset_dropout: float = Field(0.0, ge=0, lt=1, description="share of items without their offset in a batch")
    offset_decay: float = Field(0.0, ge=0, description="AdamW's decay of offsets")
    unclicked_cost: float | None = Field(
        None,
        ge=0,
        le=1,
        description="in place of student.unclicked_cost, which students that are teachers have too; 1 with start = "
        "'merged': where the teachers have them; left out: as that",
    )
    rate_factor: float = Field(
        1.0, gt=0, description="times optimizer.rate_factor; below one for a start that ranks already (merged)"
    )
    max_updates: int | None = Field(
        None,
        ge=0,
        description="batches at most, in place of the optimizer's and its tries'; 0: as it begins, which with start = "
        "'merged' is the teachers together; left out: as the optimizer says",
    )

    def apart(self) -> dict[str, Any]:
        """Keys of the section of a student that these stand for, as given; how it is trained apart."""
        return self.model_dump(exclude={"rate_factor", "max_updates"}, exclude_none=True)

    def training(self, optimizer: OptimizerSection) -> OptimizerSection:
        """How it is trained."""
        changes: dict[str, Any] = {"rate_factor": optimizer.rate_factor * self.rate_factor}
        if self.max_updates is not None:
            tries = [{key: one[key] for key in one if key != "max_updates"} for one in optimizer.tries]
            changes |= {"max_updates": self.max_updates, "tries": tries if self.max_updates else []}
        return optimizer.model_copy(update=changes)
