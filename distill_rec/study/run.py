"""Make a study, or go on with one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from distill_rec.files import locked, write_text
from distill_rec.frames import write_frame
from distill_rec.progress import Progress, Quiet
from distill_rec.records import write_record
from distill_rec.runtime.errors import RecipeError
from distill_rec.study.begin import begin
from distill_rec.study.cells import train_cells
from distill_rec.study.plan import Plan, Source, plan_study
from distill_rec.study.prepared import prepare_data
from distill_rec.study.records import Budget, StudyRecord

WARM_UP = 0.5


def tune_study(  # noqa: PLR0913
    recipe: Source,
    tunings: Sequence[str],
    *,
    seeds: int = 3,
    max_seconds: float | None = None,
    max_updates: int | None = None,
    warm_up: float = WARM_UP,
    vary: Sequence[str] = (),
    only_for: Sequence[str] = (),
    set: Sequence[str] = (),
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> StudyRecord:
    """Train every tuning with several seeds under one budget, and compare them on the test.

    Finished trainings are kept: the same call goes on where an earlier one stopped, and further tunings, variations or
    seeds are added to what is there.

    Args:
        recipe: path, shelf name or sections, with one bi-encoder as [teacher].
        tunings: as recipes write them, "head", "last:2".
        max_seconds, max_updates: the budget of one training, one of the two.
        warm_up: share of it at most for the head alone, before a trunk is tuned.
        vary: `key=value,value`: every tuning with each value.
        only_for: `TUNING key=value`: a setting of one tuning's rows.
        set: `key=value` of all rows.
        out: folder; `runs/NAME-tuning` where not given.

    Raises:
        RecipeError, DataError, ModelError, RunError: before anything is trained. What a training raises is its row's.
    """
    budget = budget_of(max_seconds, max_updates, warm_up)
    plan = plan_study(recipe, set, tunings, budget, seeds, vary, only_for)
    return run_study(plan, folder_of(plan, out), base_of(recipe), progress or Quiet())


def run_study(plan: Plan, folder: Path, base: Path, progress: Progress) -> StudyRecord:
    """Train what is missing and write `study.json`, `study.html` and `per_user.parquet`."""
    from distill_rec.study.page import page_of
    from distill_rec.study.read import read_study

    with locked(folder):
        begin(plan, folder, base)
        data = prepare_data(plan, folder, base, progress)
        train_cells(plan, data, folder, progress)
        study, users = read_study(plan, data, folder, progress)
        write_frame(folder / "per_user.parquet", users)
        write_text(folder / "study.html", page_of(study))
        write_record(folder / "study.json", study)
    return study


def budget_of(max_seconds: float | None, max_updates: int | None, warm_up: float) -> Budget:
    """One of the two, for each training alike.

    Raises:
        RecipeError: none is given, or both.
    """
    if (max_seconds is None) == (max_updates is None):
        found = "neither is given" if max_seconds is None else "both are given"
        raise RecipeError("--max-seconds, --max-updates", found, "one of the two: the budget of each training")
    if max_seconds is not None:
        return Budget(unit="max_seconds", amount=max_seconds, warm_up=warm_up)
    assert max_updates is not None
    return Budget(unit="max_updates", amount=max_updates, warm_up=warm_up)


def folder_of(plan: Plan, out: str | Path | None) -> Path:
    return Path(out) if out is not None else Path("runs") / f"{plan.recipe.name}-tuning"


def base_of(recipe: Source) -> Path:
    """What the data's files are relative to."""
    from distill_rec.recipe_io import find_recipe

    return find_recipe(recipe).parent if isinstance(recipe, str | Path) else Path.cwd()
