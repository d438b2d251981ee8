"""A search's folder: what it was begun with, and that the same command goes on with it."""

from __future__ import annotations

import json
import logging
from typing import Any

from distill_rec.data.dataset import Dataset
from distill_rec.evaluation.protocol import targets_repeat
from distill_rec.evaluation.scorer import Scorer
from distill_rec.pipeline.check import changes
from distill_rec.pipeline.folder import RunFolder
from distill_rec.pipeline.stages import stage_named
from distill_rec.pipeline.wanted import defaults_of, settings_of
from distill_rec.progress import Progress
from distill_rec.recipe import EvaluateSection, Recipe
from distill_rec.recipe_check import kind_of
from distill_rec.records import read_record, write_record
from distill_rec.runtime.errors import RecipeError, RunError
from distill_rec.search.records import SpaceRecord
from distill_rec.search.space import space_of, stripped
from distill_rec.search.trial import quality_of
from distill_rec.search.trials import SHARED, Search, main_metric
from distill_rec.sections.search import Choice

log = logging.getLogger("distill_rec")
DECIDING = ("distill", "export")
"""Stages whose settings decide a trial."""


def begin(search: Search, progress: Progress) -> SpaceRecord:
    """Write what the search is begun with, or see that it is what an earlier command had begun.

    Budgets and the number of trials may differ: they decide what is drawn next and chosen, not what a trial is.

    Raises:
        RunError: a setting has changed, or the run's data or teacher.
        RecipeError: `within` where there is no teacher to keep anything of.
    """
    path = search.folder / "space.json"
    settings, made_from = settings_of_search(search.recipe), made_of(search)
    if path.exists():
        begun = read_record(SpaceRecord, path)
        _refuse_changes(search, settings, made_from, begun)
    else:
        dataset = Dataset.load(search.run / "prepare")
        left = not (targets_repeat(dataset) and _repeats(search.recipe))
        with progress.task("search: the teacher on validation data", 1) as task:
            log.info("search: the teacher on %d validation samples ...", len(dataset.validation))
            teacher = _teacher(search, dataset, left)
            task.advance()
        begun = SpaceRecord(settings=settings, made_from=made_from, teacher=teacher, leave_out_seen=left)
        write_record(path, begun)
    metric = main_metric(kind_of(search.recipe.data))
    if search.budget.within is not None and metric not in (begun.teacher or {}):
        found = "no teacher with scores of the validation data"
        raise RecipeError("--within", found, "a teacher whose quality is kept", "Leave it out.")
    return begun


def settings_of_search(recipe: Recipe) -> dict[str, Any]:
    """What decides the trials, by dotted key, as JSON has it."""
    whole = stripped(recipe)
    settings = {key: value for name in DECIDING for key, value in settings_of(stage_named(name), whole).items()}
    space = {
        key: list(one.values) if isinstance(one, Choice) else one.model_dump() for key, one in space_of(recipe).items()
    }
    section = recipe.evaluate or EvaluateSection()
    settings |= {"search.space": space, "search.seed": 0 if recipe.search is None else recipe.search.seed}
    settings |= {"evaluate.max_users": section.max_users, "evaluate.seed": section.seed}
    return json.loads(json.dumps(settings, default=str))  # type: ignore[no-any-return]


def made_of(search: Search) -> dict[str, str]:
    """Fingerprints of the run's stages that trials read."""
    run = RunFolder(search.run)
    found = {name: run.finished(name) for name in SHARED}
    return {name: record.fingerprint for name, record in found.items() if record is not None}


def _teacher(search: Search, dataset: Dataset, leave_out_seen: bool) -> dict[str, float] | None:
    """The teacher's means on validation data; None where it has no scores of them."""
    scorer = teacher_of(search, dataset, "validation")
    section = search.recipe.evaluate or EvaluateSection()
    return None if scorer is None else quality_of(scorer, dataset, section, leave_out_seen)


def teacher_of(search: Search, dataset: Dataset, part: str) -> Scorer | None:
    """The teacher that trials are held against, with a transition term where their students are to have one.

    None where there is none with scores of all samples of the part.
    """
    if search.recipe.teacher is None:
        return None
    from distill_rec.teacher_model import Teacher
    from distill_rec.training.transition_term import with_transitions

    scorer = Teacher.load(search.run / "teach").scorer_on(dataset, part)
    if scorer is None or not _asks_for_transitions(search.recipe):
        return scorer
    return with_transitions({"teacher": scorer}, dataset)["teacher"]


def _asks_for_transitions(recipe: Recipe) -> bool:
    """Whether any trial may have a transition term."""
    assert recipe.student is not None
    return recipe.student.transition_term != "none" or "transition_term" in space_of(recipe)


def _repeats(recipe: Recipe) -> bool:
    """Whether any trial may have a repeat term."""
    assert recipe.student is not None
    return recipe.student.repeat_term != "none" or "repeat_term" in space_of(recipe)


def _refuse_changes(search: Search, settings: dict[str, Any], made_from: dict[str, str], begun: SpaceRecord) -> None:
    do = f"Set it back, or move {search.folder} out of the way."
    whole = stripped(search.recipe)
    usual = {key: value for name in DECIDING for key, value in defaults_of(stage_named(name), whole).items()}
    for key, (now, then) in changes(settings, begun.settings, usual).items():
        what = f"{json.dumps(now)}, but search {search.folder} was begun with {json.dumps(then)}"
        raise RunError(f"key {key}", what, "", do)
    if made_from != begun.made_from:
        name = next(name for name in SHARED if made_from.get(name) != begun.made_from.get(name))
        what = f"{name} of {search.run} was made anew since the search was begun"
        raise RunError(search.folder, what, "the data and the teacher that its trials read", do)
