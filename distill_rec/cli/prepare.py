"""`distill-rec prepare`."""

from __future__ import annotations

from distill_rec.cli.guard import guarded
from distill_rec.cli.options import JsonOption, OutOption, RecipeArgument, RestartOption, SetOption
from distill_rec.cli.stages import run_to


@guarded
def prepare(
    recipe: RecipeArgument,
    changes: SetOption = [],  # noqa: B006  (typer copies it)
    out: OutOption = None,
    restart: RestartOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read items and clicks, split them, and print what was read.

    Example: distill-rec prepare recipe.toml --set data.path=clicks/
    """
    run_to("prepare", recipe, changes, out, restart, as_json)
