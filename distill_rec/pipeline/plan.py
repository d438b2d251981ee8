"""What a run would do and roughly how long it would take, from the sizes of its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from distill_rec.estimates import Sizes, limit_of, per_epoch
from distill_rec.pipeline.folder import RunFolder
from distill_rec.pipeline.reached import Reached, reached, recorded_inputs
from distill_rec.pipeline.sizes import sizes_of
from distill_rec.pipeline.wanted import runs_anew, stages_of
from distill_rec.recipe import OptimizerSection, Recipe


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
    """One step per stage; input files are not hashed, they count as unchanged.

    Args:
        sizes: of the data, where they were counted already.

    Raises:
        RunError: a setting was changed after its stage had finished, as `run_stages` refuses it.
        RecipeError: a PLM that is on this machine has not what is asked of it.
    """
    run, sizes, stages = RunFolder(folder), sizes or sizes_of(recipe.data, base), stages_of(recipe)
    for stage in stages:
        stage.require_sources(recipe, fetch=False)
    found = reached(run, recipe, stages, restart, lambda stage: recorded_inputs(run, stage))
    return [_step(one, run, recipe, sizes, runs_anew(one.stage, restart)) for one in found]


def _step(one: Reached, run: RunFolder, recipe: Recipe, sizes: Sizes, anew: bool) -> Step:
    about, name = one.stage.estimate(recipe, sizes), one.stage.name
    if one.done is not None:
        return Step(name, "finished", about.work, one.done.seconds, one.done.peak_bytes)
    goes_on = one.state == "missing" and not anew and run.begun(name) is not None
    return Step(name, "goes on" if goes_on else "to run", about.work, round(about.seconds, 1), about.memory)


def floors_of(recipe: Recipe, sizes: Sizes) -> list[str]:
    """What the floor of each training is in passes over this data, and whether a limit comes before it."""
    found = _optimizers(recipe).items() if sizes.samples else ()
    return [_floor(name, one, sizes) for name, one in found if one.min_updates and one.decay == "none"]


def _floor(name: str, optimizer: OptimizerSection, sizes: Sizes) -> str:
    floor, each = optimizer.min_updates, per_epoch(optimizer, sizes)
    text = f"{name}: no plateau ends its training before {floor:,} updates (min_updates), here about "
    text += f"{max(floor / each, 1):,.0f} epochs"
    if (most := limit_of(optimizer, sizes)) < floor:
        limit = "max_updates" if most == optimizer.max_updates else "max_epochs"
        text += f"; {limit} ends it after {most:,.0f}, which may be too early"
    return text


def _optimizers(recipe: Recipe) -> dict[str, OptimizerSection]:
    """How each model is trained, by its section."""
    sections = {"teacher": recipe.teacher, "student": recipe.student}
    if recipe.teacher is not None and (parts := recipe.teacher.parts()):
        sections = {**{f"teacher {name}": part for name, part in parts.items()}, "student": recipe.student}
    found = {name: getattr(section, "optimizer", None) for name, section in sections.items()}
    return {name: one for name, one in found.items() if isinstance(one, OptimizerSection)}
