"""What a study would train, and roughly how long it would take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill_rec.contracts import teacher_spec
from distill_rec.pipeline.sizes import sizes_of
from distill_rec.study.cell import limited
from distill_rec.study.cells import is_finished
from distill_rec.study.plan import HEAD, Plan, PlannedRow

OPENING = 15.0
"""Seconds of a training's process before and after it trains."""


@dataclass(frozen=True)
class Step:
    """A row of a plan.

    Attributes:
        finished: seeds.
        seconds: about, of those that are not.
    """

    row: str
    folder: str
    finished: int
    seconds: float


def steps_of(plan: Plan, folder: Path, base: Path) -> list[Step]:
    """One per row."""
    out = []
    for row in plan.rows:
        finished = sum(is_finished(row, seed, folder) for seed in plan.seeds)
        seconds = (len(plan.seeds) - finished) * _seconds(plan, row, base) if finished < len(plan.seeds) else 0.0
        out.append(Step(row.name, str(folder / row.folder), finished, round(seconds, 1)))
    return out


def _seconds(plan: Plan, row: PlannedRow, base: Path) -> float:
    """Of one training: at most its budget of seconds; by its updates what its kind of teacher estimates."""
    section: Any = row.teacher
    shares = {"optimizer": 1.0} if row.tuning == HEAD else {"optimizer": plan.budget.warm_up, "trunk_optimizer": 1.0}
    for key, share in shares.items():
        section = limited(section, key, plan.budget, share * plan.budget.amount)
    seconds = teacher_spec(section.kind).estimate.get()(section, sizes_of(row.recipe.data, base))[1]
    return min(seconds, plan.budget.amount + OPENING) if plan.budget.unit == "max_seconds" else seconds
