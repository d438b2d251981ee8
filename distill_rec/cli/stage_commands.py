"""The commands of single stages, made from the stages."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from distill_rec.cli.guard import guarded
from distill_rec.cli.options import JsonOption, OutOption, RecipeArgument, RestartOption, SetOption
from distill_rec.cli.stages import run_to
from distill_rec.pipeline.stage import Stage


def command_of(stage: Stage) -> Callable[..., None]:
    """Run a recipe up to the stage; tell what it made."""

    @guarded
    def command(
        recipe: RecipeArgument,
        changes: SetOption = [],  # noqa: B006  (typer copies it)
        out: OutOption = None,
        restart: RestartOption = None,
        as_json: JsonOption = False,
    ) -> None:
        run_to(stage.name, recipe, changes, out, restart, as_json)

    return command


def help_of(stage: Stage) -> str:
    """What the command's `--help` says."""
    return f"{inspect.cleandoc(stage.help)}\n\nExample: {stage.example}"
