"""`distill-rec export`."""

from __future__ import annotations

from distill_rec.cli.guard import guarded
from distill_rec.cli.options import JsonOption, OutOption, RecipeArgument, RestartOption, SetOption
from distill_rec.cli.stages import run_to


@guarded
def export(
    recipe: RecipeArgument,
    changes: SetOption = [],  # noqa: B006  (typer copies it)
    out: OutOption = None,
    restart: RestartOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the artifact that a service loads without torch (after the stages before).

    Example: distill-rec export students/static --out runs/films
    """
    run_to("export", recipe, changes, out, restart, as_json)
