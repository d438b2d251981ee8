"""`distill-rec evaluate`."""

from __future__ import annotations

from distill_rec.cli.guard import guarded
from distill_rec.cli.options import JsonOption, OutOption, RecipeArgument, RestartOption, SetOption
from distill_rec.cli.stages import run_to


@guarded
def evaluate(
    recipe: RecipeArgument,
    changes: SetOption = [],  # noqa: B006  (typer copies it)
    out: OutOption = None,
    restart: RestartOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare all models of a run: table, results.json, report.html (after the stages before).

    Example: distill-rec evaluate students/static --set evaluate.max_users=500
    """
    run_to("evaluate", recipe, changes, out, restart, as_json)
