"""`distill-rec teach`."""

from __future__ import annotations

from distill_rec.cli.guard import guarded
from distill_rec.cli.options import JsonOption, OutOption, RecipeArgument, RestartOption, SetOption
from distill_rec.cli.stages import run_to


@guarded
def teach(
    recipe: RecipeArgument,
    changes: SetOption = [],  # noqa: B006  (typer copies it)
    out: OutOption = None,
    restart: RestartOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train the teacher and cache its knowledge (after prepare, where that is not finished).

    Example: distill-rec teach students/static --set teacher.dim=32
    """
    run_to("teach", recipe, changes, out, restart, as_json)
