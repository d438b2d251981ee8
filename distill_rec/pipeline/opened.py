"""The recipe of a run, which may have been made already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from distill_rec.pipeline.folder import RunRecord
from distill_rec.recipe import Recipe
from distill_rec.recipe_io import read_recipe
from distill_rec.recipe_unread import refuse_unread
from distill_rec.records import read_record


def open_recipe(
    recipe: str | Path | Mapping[str, Any],
    changes: Sequence[str] | Mapping[str, Any] = (),
    out: str | Path | None = None,
    made: Path | None = None,
) -> tuple[Recipe, Path]:
    """Read and check a recipe, and find the folder of its run.

    A key that nothing reads is refused in a new run. One that the run was made with, before this release refused it, is
    not: the run could neither be evaluated nor go on, with it or without it.

    Args:
        recipe, changes: see `distill_rec.recipe_io.read_recipe`.
        out: folder of the run; `runs/NAME` where not given.
        made: folder of the run whose keys are let be; the run's own where not given.

    Raises:
        RecipeError: naming the file or key.
        RunError: what the run has noted of its recipe cannot be read.
    """
    checked, where = read_recipe(recipe, changes)
    folder = Path(out) if out is not None else Path("runs") / checked.name
    refuse_unread(checked, where, lambda: _recipe_of(made or folder))
    return checked, folder


def _recipe_of(run: Path) -> Mapping[str, Any]:
    path = run / "recipe.json"
    return read_record(RunRecord, path).recipe if path.exists() else {}
