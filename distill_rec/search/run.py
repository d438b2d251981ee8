"""Make a search, or go on with one."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from distill_rec.estimates import Sizes
from distill_rec.files import write_text
from distill_rec.pipeline.folder import RunFolder
from distill_rec.pipeline.run_stages import run_stages
from distill_rec.pipeline.sizes import sizes_of
from distill_rec.pipeline.stages import stage_named
from distill_rec.progress import Progress, Quiet
from distill_rec.recipe import ExportSection, Recipe
from distill_rec.recipe_check import kind_of
from distill_rec.recipe_io import load_recipe
from distill_rec.recipe_toml import toml_text
from distill_rec.records import write_record
from distill_rec.runtime.errors import RecipeError
from distill_rec.search.begin import begin
from distill_rec.search.records import Budget, Found, SearchRecord
from distill_rec.search.space import space_of, stripped, trial_recipe
from distill_rec.search.trials import Search, main_metric, run_trials
from distill_rec.study.plan import Source
from distill_rec.study.run import base_of

log = logging.getLogger("distill_rec")
TRIALS = 20
BEST = "best.toml"
MEASURING = 10.0
"""Seconds of a trial beside its stages: a process, and timing the artifact."""


def search_students(  # noqa: PLR0913
    recipe: Source,
    *,
    trials: int = TRIALS,
    max_seconds: float | None = None,
    max_megabytes: float | None = None,
    max_milliseconds: float | None = None,
    within: float | None = None,
    set: Sequence[str] = (),
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> SearchRecord:
    """Try students under a budget, on the data and teacher of one run, and choose one by validation data.

    Finished trials are kept: the same call goes on where an earlier one stopped, and more trials are added to them.

    Args:
        recipe: path, shelf name or sections, with a [student]; `[search]` says what is varied.
        trials: most of them, the recipe's own student first.
        max_seconds: of all trials together; none is begun after.
        max_megabytes, max_milliseconds: what the artifact may cost.
        within: share of the teacher's quality that may be lost; the smallest such student is chosen then.
        out: folder of the run; `runs/NAME` where not given. The search is in `search/` within it.

    Raises:
        RecipeError, DataError, ModelError, RunError: before a trial is begun. What fails in a trial is that trial's.
    """
    budget = budget_of(max_megabytes, max_milliseconds, within)
    search = search_of(load_recipe(recipe, set), budget, trials, max_seconds, out, base_of(recipe))
    return run_search(search, progress or Quiet())


def search_of(  # noqa: PLR0913
    recipe: Recipe, budget: Budget, trials: int, max_seconds: float | None, out: str | Path | None, base: Path
) -> Search:
    """A search, checked.

    Raises:
        RecipeError: a recipe without a student, a wrong space, or tries beside the search.
    """
    if recipe.student is None:
        raise RecipeError("student", "no [student]", "the student that is varied", "Name a recipe with one.")
    if recipe.student.optimizer.tries:
        found = "tries, which would give each trial a search of its own"
        raise RecipeError("key student.optimizer.tries", found, "none", "Vary optimizer.learning_rate in [search].")
    if trials < 1:
        raise RecipeError("--trials", f"{trials}", "at least 1")
    recipe = recipe if recipe.export is not None else recipe.model_copy(update={"export": ExportSection()})
    space_of(recipe)
    return Search(recipe, Path(out or Path("runs") / recipe.name), base, budget, trials, max_seconds)


def budget_of(megabytes: float | None, milliseconds: float | None, within: float | None) -> Budget:
    """
    Raises:
        RecipeError: a limit that nothing can be within.
    """
    for option, value in (("--max-megabytes", megabytes), ("--max-milliseconds", milliseconds)):
        if value is not None and value <= 0:
            raise RecipeError(option, f"{value:g}", "more than zero")
    if within is not None and not 0 <= within < 1:
        raise RecipeError("--within", f"{within:g}", "a share from 0 to less than 1, as 0.01")
    return Budget(megabytes=megabytes, milliseconds=milliseconds, within=within)


def run_search(search: Search, progress: Progress) -> SearchRecord:
    """Run what is missing and write `search.json`, `search.html` and, where a student fits, `best.toml`."""
    from distill_rec.search.page import page_of
    from distill_rec.search.read import read_search

    recipe, run = search.recipe, RunFolder(search.run)
    until = "prepare" if recipe.teacher is None else "teach"
    # Each begins with what it does: its first bar may be minutes away.
    run_stages(
        recipe,
        search.run,
        base=search.base,
        until=until,
        progress=progress,
        begin=lambda name: log.info("search: %s, which all trials share ...", name),
    )
    metric = main_metric(kind_of(recipe.data))
    with run.locked():
        begun = begin(search, progress)
        left = run_trials(search, begun, metric, progress)
        found = read_search(search, begun, metric, left, progress)
        _write_best(search, found)
        write_text(search.folder / "search.html", page_of(found))
        write_record(search.folder / "search.json", found)
    return found


def best_recipe(recipe: Recipe, one: Found) -> Recipe:
    """The recipe of a point: with its student, and its precision as the main one."""
    best = trial_recipe(recipe, one.changes)
    precision, export = one.point.precision, best.export or ExportSection()
    if precision != export.precision:
        best = best.model_copy(update={"export": export.model_copy(update={"precision": precision})})
    return best


def seconds_of(search: Search) -> float:
    """Of one trial with the recipe's own student, about."""
    recipe, sizes = stripped(search.recipe), sizes_of(search.recipe.data, search.base)
    return MEASURING + sum(_estimate(name, recipe, sizes) for name in ("distill", "export"))


def _estimate(stage: str, recipe: Recipe, sizes: Sizes) -> float:
    return stage_named(stage).estimate(recipe, sizes).seconds


def _write_best(search: Search, found: SearchRecord) -> None:
    path = search.folder / BEST
    if found.chosen is None:
        path.unlink(missing_ok=True)
        return
    one = found.point(found.chosen)
    notes = (
        f"Written by `distill-rec search`: {one.name} ({one.student}).\n"
        f"  distill-rec run {path} --out {search.run} --restart distill"
    )
    write_text(path, toml_text(best_recipe(search.recipe, one), search.base, notes))
