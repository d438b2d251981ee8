"""The stages of a run in their order: the one list of them."""

from __future__ import annotations

from distill_rec.pipeline.stage import Stage
from distill_rec.pipeline.stages.distill import Distill
from distill_rec.pipeline.stages.evaluate import Evaluate
from distill_rec.pipeline.stages.export import Export
from distill_rec.pipeline.stages.prepare import Prepare
from distill_rec.pipeline.stages.refresh import Refresh
from distill_rec.pipeline.stages.teach import Teach

STAGES: tuple[Stage, ...] = (Prepare(), Teach(), Distill(), Refresh(), Export(), Evaluate())
NAMES: tuple[str, ...] = tuple(stage.name for stage in STAGES)


def stage_named(name: str) -> Stage:
    """The stage of a known name."""
    return STAGES[NAMES.index(name)]


def from_stage(name: str) -> tuple[Stage, ...]:
    """A stage and all later ones."""
    return STAGES[NAMES.index(name) :]
