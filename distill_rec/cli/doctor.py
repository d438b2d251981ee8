"""`distill-rec doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from distill_rec.cli.guard import guarded
from distill_rec.cli.options import JsonOption
from distill_rec.cli.output import print_json


@guarded
def doctor(
    path: Annotated[
        str | None,
        typer.Argument(metavar="PATH", help="an artifact, a run, a prepared data set, raw data or a recipe"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check this installation, or what lies at PATH; say what is wrong and what to do. Exit 1 where a problem is.

    Example: distill-rec doctor runs/demo
    """
    import shutil

    from distill_rec.doctor import as_dict, as_table, count_line, examine, sound

    kind, findings = examine(path)
    if as_json:
        print_json(as_dict(kind, path, findings), indent=2)
    else:
        print(
            f"{kind}{f' {path}' if path else ''}\n\n{as_table(findings, shutil.get_terminal_size((100, 24)).columns)}"
        )
        print(f"\n{count_line(findings)}")
    if not sound(findings):
        raise typer.Exit(1)
