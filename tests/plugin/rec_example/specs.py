"""What they are and their settings; light, so that a recipe knows its keys without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from distill_rec.contracts import StudentSpec, TeacherSpec, TuningSpec
from distill_rec.registry import Late
from rec_example.norms import make
from students.static.spec import StaticSection
from teachers.item_ids.spec import ItemIdsSection


class ShortSection(ItemIdsSection):
    """A teacher of item ids with a limit of its own."""

    kind: Literal["short"] = Field("short", description="what the teacher is")
    batches: int = Field(20, ge=1, description="batches that it is taught")


class LoudSection(StaticSection):
    """A static student whose sub-word table starts larger."""

    kind: Literal["loud"] = Field("loud", description="what the student is")
    gain: float = Field(2.0, gt=0, description="factor of the first sub-word vectors")


SHORT = TeacherSpec(
    kind="short",
    help="item ids, few batches",
    settings=ShortSection,
    supplies=frozenset({"scores", "item vectors", "user vectors"}),
    teach=Late("rec_example.work:teach"),
    estimate=Late("rec_example.work:estimate"),
)
NORMS = TuningSpec("norms", "norms", "the layers' normalisations alone", make)
LOUD = StudentSpec(
    kind="loud",
    help="a louder static student",
    settings=LoudSection,
    artifact="static",
    build=Late("rec_example.work:build"),
    model=Late("students.static.model:StaticStudent"),
)
