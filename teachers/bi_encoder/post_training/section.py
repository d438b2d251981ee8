"""Settings of post-training."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from distill_rec.contracts import tuning_spec
from distill_rec.recipe import OptimizerSection, Section
from distill_rec.runtime.template import fields_of
from teachers.bi_encoder.tuning.names import known_tuning

TWO = 2
"""Views of an item."""


def merging_tuning(text: str) -> str:
    """A tuning after which the trunk is as it was but for its weights; ValueError where it leaves nothing or more."""
    spec = tuning_spec(known_tuning(text).partition(":")[0])
    if spec.name == "head":
        raise ValueError("head leaves the PLM as it is, and post-training has no head; one that reaches into the PLM")
    if not spec.merges:
        raise ValueError(f"{spec.name} adds weights that cannot become the PLM's own; lora or last:k")
    return text


def with_fields(template: str) -> str:
    """A template that reads some column; ValueError where it does not."""
    if not fields_of(template):
        raise ValueError(f"{template!r} names no column; columns in braces, as {{title}}")
    return template


class PostTrainingOptimizer(OptimizerSection):
    """How the PLM is trained on views: a few passes, in small batches, all of it at the trunk's rate."""

    batch_size: int = Field(64, ge=2, description="items per batch; of each the others are the negatives")
    window: int = Field(1, ge=1, description="batches between two updates of the PLM")
    max_epochs: int = Field(10, ge=1, description="passes over the items at most")
    min_updates: int = Field(100, ge=0, description="batches before which no plateau ends it")


class PostTrainingSection(Section):
    """Contrastive matching of two views of an item, before the head and before any click."""

    views: list[Annotated[str, AfterValidator(with_fields)]] = Field(
        default_factory=list,
        max_length=TWO,
        description="templates of the two views, columns of the items in braces, as ['{title}', '{plot}']; of one, or "
        "of none (the item's own text), the two are parts, divided word by word at random",
    )
    draws: int = Field(4, ge=1, description="where a text is divided: in how many ways, one after the other by epoch")
    tuning: Annotated[str, AfterValidator(merging_tuning)] = Field(
        "last:2", description="what of the PLM learns, as teacher.tuning; it becomes part of the PLM"
    )
    temperature: float = Field(0.05, gt=0, description="of the cosines in InfoNCE")
    max_tokens: int | None = Field(None, ge=4, description="tokens of a view that are read; the teacher's if left out")
    held_out: float = Field(
        0.1, gt=0, lt=1, description="share of the items, drawn by the seed and at most 1,000, that judge it"
    )
    snapshots: list[Annotated[int, Field(ge=1)]] = Field(
        default_factory=list,
        description="updates after which the PLM is kept as it is then; no plateau ends the training before the last",
    )
    snapshot: int | None = Field(
        None, description="which of snapshots this teacher begins from; the best on the items held out if left out"
    )
    optimizer: PostTrainingOptimizer = Field(default_factory=PostTrainingOptimizer, description="how it is trained")

    @model_validator(mode="after")
    def _has_its_snapshot(self) -> Self:
        if self.snapshots != sorted(set(self.snapshots)):
            raise ValueError(f"snapshots are rising numbers of updates, not {self.snapshots}")
        if self.snapshot is not None and self.snapshot not in self.snapshots:
            raise ValueError(f"snapshot = {self.snapshot} is none of snapshots = {self.snapshots}")
        most = self.optimizer.max_updates
        if self.snapshots and most is not None and most < self.snapshots[-1]:
            raise ValueError(f"max_updates = {most} ends it before snapshot {self.snapshots[-1]}")
        return self

    @property
    def divides(self) -> bool:
        """Whether the views are parts of one text."""
        return len(self.views) < TWO

    @property
    def columns(self) -> list[str]:
        """Columns of the items that the views read."""
        return list(dict.fromkeys(name for template in self.views for name in fields_of(template)))

    @property
    def floored(self) -> OptimizerSection:
        """The optimizer, whose floor is the last snapshot at least."""
        floor = max([self.optimizer.min_updates, *self.snapshots])
        return self.optimizer.model_copy(update={"min_updates": floor})
