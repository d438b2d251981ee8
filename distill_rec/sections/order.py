"""`[student.order]`: a student is taught by what its teachers were on the way, before it is taught by them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from distill_rec.sections.base import Section


class OrderSection(Section):
    """Earlier states of the teachers (`teacher.trajectory`) teach first, in the order of their training (HetComp)."""

    by: Literal["share", "agreement"] = Field(
        "share",
        description="when the next state begins to teach: after an equal share of `over`, or (agreement) as soon as on "
        "validation data the student has come nearer to that by `gain`, or comes no nearer, and then at the latest",
    )
    over: float = Field(
        0.5, gt=0, le=1, description="share of the schedule after which the teachers teach as they are in the end"
    )
    gain: float = Field(
        1.05,
        ge=1,
        description="by agreement: how many times as far the student was from the next state when the one before it "
        "began to teach",
    )

    def latest(self, progress: float, earlier: int) -> int:
        """Number of the state, from 0 to `earlier`, that teaches by its share of the schedule.

        Args:
            progress: share of the schedule that is done.
            earlier: states before the teachers themselves.
        """
        return min(int(progress / self.over * earlier + 1e-9), earlier)
