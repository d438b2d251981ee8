"""Run the stages of a recipe in a run folder, from where an earlier command stopped."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from distill_rec.demo import resolve
from distill_rec.files import write_json
from distill_rec.pipeline.check import state_of
from distill_rec.pipeline.execute import STAGE, Work
from distill_rec.pipeline.folder import Record, RunFolder
from distill_rec.pipeline.measure import measured
from distill_rec.pipeline.stages import SECTION, STAGES, Context, stages_of, wanted
from distill_rec.progress import Progress, Quiet
from distill_rec.recipe import Recipe
from distill_rec.runtime.errors import RecipeError

if TYPE_CHECKING:
    import polars as pl

log = logging.getLogger("distill_rec")


@dataclass(frozen=True)
class Frames:
    """Clicks and items given as frames, in place of files."""

    clicks: pl.DataFrame | None = None
    items: pl.DataFrame | None = None

    def hashes(self) -> dict[str, str]:
        found = {"clicks": self.clicks, "items": self.items}
        return {k: sha256(v.write_csv().encode()).hexdigest() for k, v in found.items() if v is not None}


@dataclass(frozen=True)
class StageReport:
    """What a stage took. `ran` is false where an earlier command had finished it."""

    stage: str
    ran: bool
    seconds: float
    peak_bytes: int


def run_stages(
    recipe: Recipe,
    folder: Path,
    *,
    base: Path = Path("."),
    until: str = "evaluate",
    restart: str | None = None,
    frames: Frames | None = None,
    progress: Progress | None = None,
    begin: Callable[[str], None] = lambda stage: None,
) -> list[StageReport]:
    """Run what is not finished, up to a stage.

    Args:
        folder: of the run; made when it is not there.
        base: what the data's files are relative to where `data.path` is empty.
        until: last stage.
        restart: this stage and all later ones are run anew; their folders are kept as `STAGE.old-N`.
        begin: called with the name of each stage that is about to run.

    Raises:
        RunError: the folder is in use, or a setting was changed after its stage had finished.
        RecipeError: the recipe lacks the section of `until` or `restart`.
    """
    stages = chosen_stages(recipe, until, restart)
    run = RunFolder(folder)
    with run.locked():
        context = Context(recipe, resolved(recipe), base)
        write_json(run.path / "recipe.json", {"recipe": recipe.model_dump(), "base": str(base.resolve())})
        if restart is not None:
            set_aside_from(run, restart)
        return _run_all(run, context, stages, frames or Frames(), progress or Quiet(), begin)


def chosen_stages(recipe: Recipe, until: str, restart: str | None) -> list[str]:
    """The recipe's stages up to `until`."""
    stages = stages_of(recipe)
    for name, option in ((until, "stage"), (restart, "--restart")):
        if name is not None and name not in STAGES:
            raise RecipeError(f"{option} {name}", "no such stage", f"one of {', '.join(STAGES)}")
    if restart is not None and restart not in stages:
        raise RecipeError(f"--restart {restart}", f"the recipe has no section {SECTION[restart]}", "one of its stages")
    return [stage for stage in stages if STAGES.index(stage) <= STAGES.index(until)]


def resolved(recipe: Recipe) -> Recipe:
    """The recipe with 'demo:' values fetched and replaced by folders."""
    out = recipe.model_copy(update={"data": recipe.data.model_copy(update={"path": resolve(recipe.data.path)})})
    if recipe.teacher is not None:
        trunks = [{"trunk": resolve(str(one["trunk"]))} if "trunk" in one else {} for one in recipe.teacher.choose]
        choose = [one | trunk for one, trunk in zip(recipe.teacher.choose, trunks, strict=True)]
        teacher = recipe.teacher.model_copy(update={"trunk": resolve(recipe.teacher.trunk), "choose": choose})
        out = out.model_copy(update={"teacher": teacher})
    if recipe.student is not None:
        student = recipe.student.model_copy(update={"trunk": resolve(recipe.student.trunk)})
        out = out.model_copy(update={"student": student})
    return out


def set_aside_from(run: RunFolder, stage: str) -> None:
    """Set aside a stage and all later ones, the last first, so that a kill leaves none whose inputs are gone."""
    for name in reversed(STAGES[STAGES.index(stage) :]):
        old = run.set_aside(name)
        if old is not None:
            log.info("kept the old %s as %s", name, old)


def _run_all(
    run: RunFolder,
    context: Context,
    stages: list[str],
    frames: Frames,
    progress: Progress,
    begin: Callable[[str], None],
) -> list[StageReport]:
    reports, before = [], ""
    fingerprints: dict[str, str] = {}
    work = Work(run, context, progress, fingerprints, frames.clicks, frames.items)
    for stage in stages:
        want = wanted(stage, context, frames.hashes(), before)
        state = state_of(run, want)
        if state == "stale":
            log.info("stage %s was made from an earlier stage that is there no more: it runs anew", stage)
            run.set_aside(stage)
        fingerprints[stage] = before = want.fingerprint
        if state == "finished":
            done = run.finished(stage)
            assert done is not None
            reports.append(StageReport(stage, False, done.seconds, done.peak_bytes))
            continue
        begin(stage)
        reports.append(_run_one(work, want))
    return reports


def _run_one(work: Work, want: Record) -> StageReport:
    """Run a stage and write its record last."""
    if want.stage in ("teach", "distill"):  # they go on from checkpoints, which belong to these settings
        work.run.begin(want)
    with measured() as found:
        STAGE[want.stage](work)
    work.run.finish(replace(want, seconds=found.seconds, peak_bytes=found.peak_bytes))
    return StageReport(want.stage, True, found.seconds, found.peak_bytes)
