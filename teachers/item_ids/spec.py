"""What a teacher of item ids is, and its settings."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from distill_rec.contracts import EstimateTeacher, Teach, TeacherSpec
from distill_rec.recipe import OptimizerSection, TeacherSection, UserSection
from distill_rec.registry import Late
from distill_rec.sections.histories import HistoriesSection
from distill_rec.sections.trajectory import TrajectorySection


class ItemIdsSection(UserSection, TrajectorySection, TeacherSection):
    """Keys of a teacher of item ids."""

    kind: Literal["item_ids"] = Field("item_ids", description="what the teacher is")
    optimizer: OptimizerSection = Field(default_factory=OptimizerSection, description="how it is trained")
    histories: HistoriesSection = Field(
        default_factory=HistoriesSection,
        description="changes the histories of training, so that fewer are learned by heart; none where not given",
    )


_teach: Late[Teach] = Late("teachers.item_ids.teach:teach")
_estimate: Late[EstimateTeacher] = Late("teachers.item_ids.estimate:estimate")

SPEC = TeacherSpec(
    kind="item_ids",
    help="a user encoder over free item vectors, no texts",
    settings=ItemIdsSection,
    supplies=frozenset({"scores", "item vectors", "user vectors"}),
    teach=_teach,
    estimate=_estimate,
)
