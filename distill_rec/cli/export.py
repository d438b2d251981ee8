"""`distill-rec export`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from distill_rec.cli.guard import guarded
from distill_rec.cli.options import JsonOption, OutOption, RecipeArgument, RestartOption, SetOption
from distill_rec.cli.output import print_json
from distill_rec.cli.stages import folder_of, opened, run_checked


@guarded
def export(
    recipe: RecipeArgument,
    changes: SetOption = [],  # noqa: B006  (typer copies it)
    out: OutOption = None,
    restart: RestartOption = None,
    require: Annotated[
        list[str], typer.Option("--require", help="a further precision whose failed gates refuse the publication")
    ] = [],  # noqa: B006
    keep: Annotated[int | None, typer.Option("--keep", min=1, help="versions kept, the newest ones")] = None,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="switch export/student to the version before, and do nothing else")
    ] = False,
    to: Annotated[
        int | None, typer.Option("--to", min=1, help="with --rollback: to this version, an older or a newer one")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """The stage's command with options of its own."""
    from distill_rec.artifact.link import kept
    from distill_rec.artifact.publish import prune
    from distill_rec.artifact.publish import rollback as switch_back

    if to is not None and not rollback:
        raise typer.BadParameter("--to goes with --rollback")
    if rollback:
        run = Path(recipe)
        if kept(run):
            folder = run
        else:
            folder = (run if (run / "export").is_dir() else folder_of(recipe, changes, out)) / "export"
        version = switch_back(folder, to)
        if as_json:
            print_json({"artifact": str(folder / "student"), "version": version})
        else:
            print(f"{folder / 'student'} leads to version {version} now", file=sys.stderr)
        return
    more = [f"export.require={json.dumps(require)}"] if require else []
    more += [f"export.keep={keep}"] if keep is not None else []
    checked, folder, base = opened(recipe, [*changes, *more], out)
    from distill_rec.recipe_io import naming_recipe

    with naming_recipe(recipe):
        run_checked("export", checked, folder, base, restart, as_json)
    if keep is not None:  # an export that was finished before has kept what it was told to keep then
        prune(folder / "export", keep)
