"""What a transformer student is, and its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from distill_rec.contracts import BuildStudent, StudentSpec
from distill_rec.recipe import StudentSection
from distill_rec.registry import Late

if TYPE_CHECKING:
    from students.transformer.model import TransformerStudent


class TransformerSection(StudentSection):
    """Keys of a transformer student."""

    kind: Literal["transformer"] = Field("transformer", description="what the student is")
    layers: int = Field(1, ge=1, le=4, description="layers copied from the teacher's trunk")
    prefix: str | None = Field(
        None, description="text put before every text, as the trunk was trained with; left out: its folder's own"
    )


_build: Late[BuildStudent] = Late("students.transformer.build:build")
_model: Late[type[TransformerStudent]] = Late("students.transformer.model:TransformerStudent")

SPEC = StudentSpec(
    kind="transformer",
    help="first layers of the teacher's trunk",
    settings=TransformerSection,
    artifact="transformer",
    build=_build,
    model=_model,
    trunk_layers=lambda section: int(section.layers),
    export_seconds=40.0,
)
