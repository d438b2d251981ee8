"""`distill-rec distill`."""

from __future__ import annotations

from distill_rec.cli.guard import guarded
from distill_rec.cli.options import JsonOption, OutOption, RecipeArgument, RestartOption, SetOption
from distill_rec.cli.stages import run_to


@guarded
def distill(
    recipe: RecipeArgument,
    changes: SetOption = [],  # noqa: B006  (typer copies it)
    out: OutOption = None,
    restart: RestartOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train the student from the teacher (after the stages before, where they are not finished).

    Example: distill-rec distill students/static --restart distill
    """
    run_to("distill", recipe, changes, out, restart, as_json)
