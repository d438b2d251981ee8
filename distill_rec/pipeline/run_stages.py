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
from distill_rec.pipeline.check import State, state_of, with_its_name
from distill_rec.pipeline.execute import STAGE, Work
from distill_rec.pipeline.folder import Record, RunFolder
from distill_rec.pipeline.measure import measured
from distill_rec.pipeline.stages import Context, stages_of, wanted
from distill_rec.progress import Progress, Quiet
from distill_rec.recipe import Recipe
from distill_rec.runtime.errors import RecipeError
from distill_rec.stages import SECTION, STAGES

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
        return {name: _hash_of(frame) for name, frame in found.items() if frame is not None}


def _hash_of(frame: pl.DataFrame) -> str:
    if any(dtype.is_nested() for dtype in frame.dtypes):  # which CSV cannot hold
        from distill_rec.data.table import frame_of

        frame = frame_of(frame)
    return sha256(frame.write_csv().encode()).hexdigest()


@dataclass(frozen=True)
class StageReport:
    """What a stage took.

    Attributes:
        ran: false where an earlier command had finished it.
        resumed: it went on where a killed process had stopped; `seconds` are of the last process alone.
    """

    stage: str
    ran: bool
    seconds: float
    peak_bytes: int
    resumed: bool


def run_stages(
    recipe: Recipe,
    folder: Path,
    *,
    base: Path = Path("."),
    until: str | None = None,
    restart: str | None = None,
    frames: Frames | None = None,
    progress: Progress | None = None,
    begin: Callable[[str], None] = lambda stage: None,
) -> list[StageReport]:
    """Run what is not finished, up to a stage.

    Args:
        folder: of the run; made when it is not there.
        base: what the data's files are relative to where `data.path` is empty.
        until: last stage; all that the recipe has a section for where not given.
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
        wants = chain(context, stages, (frames or Frames()).hashes(), run)
        states = {want.stage: state_of(run, want) for want in wants if not anew(want.stage, restart)}
        # Nothing is written or moved before every finished stage has been found to be what the recipe asks for.
        write_json(run.path / "recipe.json", {"recipe": recipe.model_dump(), "base": str(base.resolve())})
        if restart is not None:
            set_aside_from(run, restart)
        frames = frames or Frames()
        work = Work(run, context, progress or Quiet(), {}, frames.clicks, frames.items)
        return [_reach(work, want, states.get(want.stage, "missing"), begin) for want in wants]


def chosen_stages(recipe: Recipe, until: str | None, restart: str | None) -> list[str]:
    """The recipe's stages up to `until`."""
    stages = stages_of(recipe)
    for name, option in ((until, "stage"), (restart, "--restart")):
        if name is not None and name not in STAGES:
            raise RecipeError(f"{option} {name}", "no such stage", f"one of {', '.join(STAGES)}")
        if name is not None and name not in stages:
            found = f"the recipe has no section [{SECTION[name]}]"
            raise RecipeError(f"{option} {name}", found, f"one of its stages: {', '.join(stages)}")
    last = STAGES.index(until) if until is not None else len(STAGES)
    return [stage for stage in stages if STAGES.index(stage) <= last]


def anew(stage: str, restart: str | None) -> bool:
    """Whether `--restart` names this stage or an earlier one."""
    return restart is not None and STAGES.index(stage) >= STAGES.index(restart)


def chain(context: Context, stages: list[str], frames: dict[str, str], run: RunFolder) -> list[Record]:
    """The record that each stage would have, each with the fingerprint of the one before."""
    wants: list[Record] = []
    for stage in stages:
        want = wanted(stage, context, frames, wants[-1].fingerprint if wants else "")
        wants.append(with_its_name(run, want))
    return wants


def resolved(recipe: Recipe) -> Recipe:
    """The recipe with 'demo:' values fetched and replaced by folders."""
    out = recipe.model_copy(update={"data": recipe.data.model_copy(update={"path": resolve(recipe.data.path)})})
    for name in ("teacher", "student"):
        if (section := getattr(recipe, name)) is not None:
            out = out.model_copy(update={name: section.resolved(resolve)})
    return out


def set_aside_from(run: RunFolder, stage: str) -> None:
    """Set aside a stage and all later ones, the last first, so that a kill leaves none whose inputs are gone."""
    for name in reversed(STAGES[STAGES.index(stage) :]):
        old = run.set_aside(name)
        if old is not None:
            log.info("kept the old %s as %s", name, old)


def _reach(work: Work, want: Record, state: State, begin: Callable[[str], None]) -> StageReport:
    """See to it that a stage is finished."""
    stage = want.stage
    if state == "stale":
        log.info("stage %s was made from an earlier stage that is there no more: it runs anew", stage)
        work.run.set_aside(stage)
    work.fingerprints[stage] = want.fingerprint
    done = work.run.finished(stage) if state == "finished" else None
    if done is not None:
        return StageReport(stage, False, done.seconds, done.peak_bytes, done.resumed)
    begin(stage)
    return _run_one(work, want)


def _run_one(work: Work, want: Record) -> StageReport:
    """Run a stage and write its record last."""
    resumed = work.run.begun(want.stage) is not None
    if want.stage in ("teach", "distill"):  # they go on from checkpoints, which belong to these settings
        work.run.begin(want)
    with measured() as found:
        STAGE[want.stage](work)
    work.run.finish(replace(want, seconds=found.seconds, peak_bytes=found.peak_bytes, resumed=resumed))
    return StageReport(want.stage, True, found.seconds, found.peak_bytes, resumed)
