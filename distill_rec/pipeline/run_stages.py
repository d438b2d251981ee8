"""Run the stages of a recipe in a run folder, from where an earlier command stopped."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from distill_rec.pipeline.folder import RunFolder, RunRecord, StageRecord
from distill_rec.pipeline.measure import measured
from distill_rec.pipeline.reached import Reached, reached
from distill_rec.pipeline.stage import Context, Stage, Work
from distill_rec.pipeline.stages import from_stage
from distill_rec.pipeline.wanted import chosen_stages, resolved, settings_of
from distill_rec.progress import Progress, Quiet
from distill_rec.ranks import launched
from distill_rec.recipe import Recipe
from distill_rec.records import write_record
from distill_rec.together import follow, leading
from distill_rec.tracking import require_trackers, tracked

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
    """Run what is not finished, up to a stage. Of several processes that were launched the first one does, and the
    others have a part in its trainings; they return nothing.

    Args:
        folder: of the run; made when it is not there.
        base: what the data's files are relative to where `data.path` is empty.
        until: last stage; all that the recipe has a section for where not given.
        restart: this stage and all later ones are run anew; their folders are kept as `STAGE.old-N`.
        begin: called with the name of each stage that is about to run.

    Raises:
        RunError: the folder is in use, or a setting was changed after its stage had finished.
        RecipeError: the recipe lacks the section of `until` or `restart`.
        TrainingError: processes were launched for something that is not offered.
    """
    ranks = launched()
    if not ranks.first:
        follow(ranks)
        return []
    with leading(ranks):
        return _run_stages(recipe, folder, base, until, restart, frames or Frames(), progress or Quiet(), begin)


def _run_stages(  # noqa: PLR0913
    recipe: Recipe,
    folder: Path,
    base: Path,
    until: str | None,
    restart: str | None,
    frames: Frames,
    progress: Progress,
    begin: Callable[[str], None],
) -> list[StageReport]:
    stages, run = chosen_stages(recipe, until, restart), RunFolder(folder)
    require_trackers(recipe.track)
    with run.locked():
        context = Context(recipe, resolved(recipe), base, frames.hashes())
        for stage in stages:
            stage.require_sources(context.resolved, fetch=True)
        found = reached(run, recipe, stages, restart, lambda stage: stage.inputs(context))
        # Nothing is written or moved before every finished stage has been found to be what the recipe asks for.
        write_record(run.path / "recipe.json", RunRecord(recipe=recipe.model_dump(), base=str(base.resolve())))
        if restart is not None:
            set_aside_from(run, restart)
        settings = {key: value for stage in stages for key, value in settings_of(stage, recipe).items()}
        trackers = recipe.track if any(one.done is None for one in found) else []
        with tracked(progress, trackers, recipe.name, run.path, settings) as told:
            work = Work(run, context, told, {}, frames.clicks, frames.items)
            return [_reach(work, one, begin) for one in found]


def set_aside_from(run: RunFolder, stage: str) -> None:
    """Set aside a stage and all later ones, the last first, so that a kill leaves none whose inputs are gone."""
    for one in reversed(from_stage(stage)):
        old = run.set_aside(one.name, one.in_place)
        if old is not None:
            log.info("kept the old %s as %s", one.name, old)


def _reach(work: Work, one: Reached, begin: Callable[[str], None]) -> StageReport:
    """See to it that a stage is finished."""
    name = one.stage.name
    if one.state == "stale":
        log.info("stage %s was made from an earlier stage that is there no more: it runs anew", name)
        work.run.set_aside(name, one.stage.in_place)
    if one.done is not None:
        work.fingerprints[name] = one.done.fingerprint
        return StageReport(name, False, one.done.seconds, one.done.peak_bytes, one.done.resumed)
    work.fingerprints[name] = one.want.fingerprint
    begin(name)
    return _run_one(work, one.stage, one.want)


def _run_one(work: Work, stage: Stage, want: StageRecord) -> StageReport:
    """Run a stage and write its record last."""
    resumed = work.run.begun(stage.name) is not None
    if stage.goes_on:
        work.run.begin(want)
    with measured() as found:
        stage.run(work)
    took = {"seconds": found.seconds, "peak_bytes": found.peak_bytes, "resumed": resumed}
    work.run.finish(want.model_copy(update=took))
    return StageReport(stage.name, True, found.seconds, found.peak_bytes, resumed)
