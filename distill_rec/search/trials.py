"""The trials of a search, one after the other, each in a process of its own; those that are finished are kept."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill_rec.children import Job, run_jobs
from distill_rec.evaluation.metrics import CATALOGUE, IMPRESSIONS
from distill_rec.pipeline.stages import stage_named
from distill_rec.progress import Named, Progress
from distill_rec.recipe import EvaluateSection, Recipe
from distill_rec.records import read_record, write_record
from distill_rec.runtime.errors import ArtifactError, ModelError, RecipeError, TrainingError
from distill_rec.search.front import Figures, kept_of, over_of
from distill_rec.search.records import Budget, DrawnRecord, Point, SpaceRecord, TrialRecord
from distill_rec.search.space import own_place, space_of, stripped, trial_recipe
from distill_rec.search.words import short_names, student_in_words

log = logging.getLogger("distill_rec")
TRIALS, LOG = "trials", "log.txt"
SHARED = ("prepare", "teach")
"""Stages of the run that a trial's folder has links to."""
OWN_FAULTS = (ArtifactError, ModelError, RecipeError, TrainingError)
"""What ends one trial and not the search."""


@dataclass(frozen=True)
class Search:
    """What is searched for, and where.

    Attributes:
        recipe: as its user wrote it.
        run: folder whose data and teacher the trials share.
        base: what the data's files are relative to.
        trials: most trials, the recipe's own student among them.
        max_seconds: of all trials together; none is begun after. None: no limit.
    """

    recipe: Recipe
    run: Path
    base: Path
    budget: Budget
    trials: int
    max_seconds: float | None = None

    @property
    def folder(self) -> Path:
        return self.run / "search"

    def place(self, number: int) -> Path:
        """A trial's folder, which is a run's."""
        return self.folder / TRIALS / f"{number:04d}"

    def drawn(self) -> list[DrawnRecord]:
        """The trials so far."""
        out: list[DrawnRecord] = []
        while (path := self.place(len(out)) / "drawn.json").exists():
            out.append(read_record(DrawnRecord, path))
        return out

    def trial(self, number: int) -> TrialRecord | None:
        """How a trial went; None where it has not ended."""
        path = self.place(number) / "trial.json"
        return read_record(TrialRecord, path) if path.exists() else None


def main_metric(kind: str) -> str:
    """What trials are chosen by."""
    return "ndcg@10" if kind == "clicks" else "auc"


def figures_of(point: Point, begun: SpaceRecord, metric: str) -> Figures:
    """What is compared of a point."""
    teacher = None if begun.teacher is None else begun.teacher.get(metric)
    chance = (CATALOGUE | IMPRESSIONS)[metric].chance
    quality = point.quality[metric]
    return Figures(quality, point.megabytes, point.milliseconds, kept_of(quality, teacher, chance))


def run_trials(search: Search, begun: SpaceRecord, metric: str, progress: Progress) -> str:
    """Draw and run what is missing; one that fails is noted, and the others go on.

    Returns:
        Why fewer trials were made than asked for; "" where all were.
    """
    with progress.task("search: trials", search.trials) as task:
        for number in range(search.trials):
            found = search.trial(number)
            if found is None or found.failure:
                if search.max_seconds is not None and _spent(search) >= search.max_seconds:
                    return f"{search.max_seconds:,.0f} s of trials were spent (--max-seconds)"
                changes = _changes(search, begun, metric, number)
                if changes is None:
                    return "the space has no further student"
                task.note(f"trial {number}")
                student = student_in_words(changes, short_names(space_of(search.recipe)))
                log.info("trial %d: %s; a process of its own loads data and teacher ...", number, student)
                found = _run(search, begun, number, changes, Named(f"trial {number}", progress))
                if found.failure:
                    log.warning("trial %d failed: %s", number, found.failure)
            task.advance()
    return ""


def _spent(search: Search) -> float:
    return sum(found.seconds for one in search.drawn() if (found := search.trial(one.number)) is not None)


def _changes(search: Search, begun: SpaceRecord, metric: str, number: int) -> dict[str, Any] | None:
    """The changes of a trial: those that were noted, or newly drawn and noted; None where there are no more."""
    drawn = search.drawn()
    if number < len(drawn):
        return drawn[number].changes
    changes: dict[str, Any] | None = {}
    if number:
        changes = _draw(search, begun, metric, drawn)
    if changes is not None:
        write_record(search.place(number) / "drawn.json", DrawnRecord(number=number, changes=changes))
    return changes


def _draw(search: Search, begun: SpaceRecord, metric: str, drawn: Sequence[DrawnRecord]) -> dict[str, Any] | None:
    from distill_rec.search.draw import Told, draw

    student, space = search.recipe.student, space_of(search.recipe)
    assert student is not None
    own = own_place(space, student)
    places = [one.changes or own for one in drawn]
    told = []
    for one, place in zip(drawn, places, strict=True):
        found = search.trial(one.number)
        if place is not None and found is not None and found.points:
            figures = figures_of(found.points[0], begun, metric)
            values = (figures.quality, figures.megabytes, float(figures.pace))
            told.append(Told(place, values, over_of(figures, search.budget)))
    seed = 0 if search.recipe.search is None else search.recipe.search.seed
    known = [place for place in places if place is not None]
    changes, why = draw(space, student.kind, told, len(drawn), seed, known, lambda one: _refused(search.recipe, one))
    if changes is None and why:
        raise RecipeError("search.space", f"no further draw makes a recipe; the last: {why}", "a space of students")
    return changes


def _refused(recipe: Recipe, changes: Mapping[str, Any]) -> str:
    try:
        stage_named("distill").require(trial_recipe(recipe, changes))
    except RecipeError as error:
        return str(error)
    return ""


def _run(search: Search, begun: SpaceRecord, number: int, changes: dict[str, Any], progress: Progress) -> TrialRecord:
    place = search.place(number)
    link_shared(search.run, place)
    recipe = stripped(trial_recipe(search.recipe, changes))
    assert recipe.student is not None
    section = search.recipe.evaluate or EvaluateSection()
    arguments = {
        "recipe": recipe.model_dump(mode="json"),
        "folder": str(place.resolve()),
        "base": str(search.base.resolve()),
        "number": number,
        "changes": changes,
        "evaluate": section.model_dump(mode="json"),
        "leave_out_seen": begun.leave_out_seen,
    }
    job = Job(f"trial {number}", "distill_rec.search.trial:run_trial", arguments)
    since = time.monotonic()
    (ended,) = run_jobs([job], progress, stderr=place / LOG)
    if ended.error is not None:
        if not isinstance(ended.error, OWN_FAULTS):
            raise ended.error
        seconds = round(time.monotonic() - since, 1)
        failed = TrialRecord(number=number, changes=changes, failure=str(ended.error), seconds=seconds)
        write_record(place / "trial.json", failed)
    return read_record(TrialRecord, place / "trial.json")


def link_shared(run: Path, place: Path) -> None:
    """Give the folder of a run that only distils the data and the teacher of another, by relative links."""
    place.mkdir(parents=True, exist_ok=True)
    for name in SHARED:
        link, target = place / name, run / name
        if target.exists() and not link.exists():
            link.unlink(missing_ok=True)
            link.symlink_to(os.path.relpath(target, place), target_is_directory=True)
