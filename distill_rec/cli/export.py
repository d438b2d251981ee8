"""`distill-rec export`."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from distill_rec.cli.guard import guarded
from distill_rec.cli.options import JsonOption, OutOption, RecipeArgument, RestartOption, SetOption
from distill_rec.cli.stages import run_to


@guarded
def export(  # noqa: PLR0913
    recipe: RecipeArgument,
    changes: SetOption = [],  # noqa: B006  (typer copies it)
    out: OutOption = None,
    restart: RestartOption = None,
    require: Annotated[
        list[str], typer.Option("--require", help="a further precision whose failed gates refuse the publication")
    ] = [],  # noqa: B006
    keep: Annotated[int | None, typer.Option("--keep", min=1, help="versions kept")] = None,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="switch export/student to the version before, and do nothing else")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the artifact that a service loads without torch (after the stages before).

    A failed gate of the main precision publishes nothing (exit 1); a further precision that fails is left out, and
    named with what was seen and allowed.

    Example: distill-rec export students/static --out runs/films --set 'export.precisions=["fp32", "int8"]'
    """
    if rollback:
        from distill_rec.cli.stages import folder_of
        from distill_rec.runtime.publish import rollback as switch_back

        folder = folder_of(recipe, changes, out) / "export"
        version = switch_back(folder)
        if as_json:
            print(json.dumps({"artifact": str(folder / "student"), "version": version}))
        else:
            print(f"{folder / 'student'} leads to version {version} again", file=sys.stderr)
        return
    more = [f"export.require={json.dumps(require)}"] if require else []
    more += [f"export.keep={keep}"] if keep is not None else []
    run_to("export", recipe, [*changes, *more], out, restart, as_json)
