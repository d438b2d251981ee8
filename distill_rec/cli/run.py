"""`distill-rec run`."""

from __future__ import annotations

from typing import Annotated

import typer

from distill_rec.cli.guard import guarded
from distill_rec.cli.options import JsonOption, OutOption, RecipeArgument, RestartOption, SetOption
from distill_rec.cli.stages import opened, run_checked


@guarded
def run(
    recipe: RecipeArgument,
    changes: SetOption = [],  # noqa: B006  (typer copies it)
    out: OutOption = None,
    restart: RestartOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print stages, sizes and an estimate of time")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run all stages of a recipe; finished ones are not run again, an interrupted one goes on.

    Example: distill-rec run students/static --out runs/films --set student.dim=32
    """
    checked, folder, base = opened(recipe, changes, out)
    from distill_rec.recipe_io import naming_recipe

    with naming_recipe(recipe):
        if dry_run:
            from distill_rec.cli.plan import print_plan

            print_plan(checked, folder, base, restart, as_json)
        else:
            run_checked(None, checked, folder, base, restart, as_json)
