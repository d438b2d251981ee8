"""What a run would do and roughly how long it would take, from the sizes of its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from distill_rec.estimates import Sizes
from distill_rec.pipeline.folder import RunFolder
from distill_rec.pipeline.sizes import sizes_of
from distill_rec.pipeline.stage import Stage
from distill_rec.pipeline.wanted import runs_anew, stages_of
from distill_rec.recipe import Recipe


@dataclass(frozen=True)
class Step:
    """A stage of a plan.

    Attributes:
        state: "finished", "goes on" or "to run".
        work: its sizes, in words.
        seconds: measured where it is finished, else an estimate.
        memory: peak of resident memory, bytes; likewise.
    """

    stage: str
    state: str
    work: str
    seconds: float
    memory: int


def plan_of(
    recipe: Recipe, folder: Path, base: Path, restart: str | None = None, sizes: Sizes | None = None
) -> list[Step]:
    """One step per stage.

    Args:
        sizes: of the data, where they were counted already.
    """
    run, sizes = RunFolder(folder), sizes or sizes_of(recipe.data, base)
    return [_step(stage, run, recipe, sizes, runs_anew(stage, restart)) for stage in stages_of(recipe)]


def _step(stage: Stage, run: RunFolder, recipe: Recipe, sizes: Sizes, anew: bool) -> Step:
    about = stage.estimate(recipe, sizes)
    record = None if anew else run.finished(stage.name)
    if record is not None:
        return Step(stage.name, "finished", about.work, record.seconds, record.peak_bytes)
    state = "goes on" if not anew and run.begun(stage.name) else "to run"
    return Step(stage.name, state, about.work, round(about.seconds, 1), about.memory)
