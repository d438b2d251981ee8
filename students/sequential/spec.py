"""What a sequential student is, and its settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from distill_rec.contracts import BuildStudent, StudentSpec, WarmCaches
from distill_rec.registry import Late
from students.static.spec import VOCABULARY_SECONDS, StaticSection, end_seconds

if TYPE_CHECKING:
    from students.static.model import StaticStudent


class SequentialSection(StaticSection):
    """Keys of a sequential student; those of texts are a static student's, because it reads texts as one does."""

    kind: Literal["sequential"] = Field("sequential", description="what the student is")  # type: ignore[assignment]
    offsets: Literal[True] = Field(True, description="its items are free vectors, so there is always one")
    offset_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of items that stand where they started (the teacher's projected vector, or zero) in a batch",
    )
    offset_decay: float = Field(0.05, ge=0, description="AdamW's decay of item vectors, towards where they started")
    new_texts: Literal["fitted"] = Field(
        "fitted", description="texts are fitted to the table of items, because it learns from none"
    )
    projection: Literal["linear"] = Field("linear", description="from texts to item vectors: a ridge fit")

    def unread(self) -> Iterator[tuple[str, str, str]]:
        yield from super().unread()
        if self.unclicked_cost != type(self).model_fields["unclicked_cost"].default:
            found = "the items of a sequential student are a table, and texts are fitted to it after training"
            yield "student.unclicked_cost", found, "Leave it out."


_build: Late[BuildStudent] = Late("students.sequential.build:build")
_model: Late[type[StaticStudent]] = Late("students.static.model:StaticStudent")
_warm: Late[WarmCaches] = Late("students.static.build:warm")

SPEC = StudentSpec(
    kind="sequential",
    help="item-id table, texts for items without clicks",
    settings=SequentialSection,
    artifact="static",
    build=_build,
    model=_model,
    warm=_warm,
    start_seconds=VOCABULARY_SECONDS,
    end_seconds=end_seconds,
)
