"""`distill-rec keys`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from distill_rec.cli.guard import fail, guarded, require_train
from distill_rec.cli.options import JsonOption
from distill_rec.cli.output import make_console, print_json


@guarded
def keys(
    section: Annotated[str, typer.Argument(metavar="[SECTION]", help="as teacher, or teacher.optimizer")] = "",
    as_json: JsonOption = False,
) -> None:
    """Tell every key that a recipe may have, its default and what it is for.

    Example: distill-rec keys teacher.optimizer
    """
    require_train()
    from distill_rec.recipe import Recipe
    from distill_rec.recipe_errors import describe

    every = describe(Recipe)
    sections = {name.rpartition(".")[0] for name, _, _ in every}
    found = [one for one in every if one[0].startswith(f"{section}.") or not section]
    if not found:
        fail(f"no section {section!r}; there are {', '.join(sorted(sections - {''}))}.")
    found = [one for one in found if one[0] not in sections]
    if as_json:
        rows = [{"key": name, "default": default, "description": text} for name, text, default in found]
        print_json(rows, indent=2, default=str)
        return
    from rich.table import Table

    table = Table("key", "default", "what it is for", box=None, header_style="bold")
    for name, text, default in found:
        table.add_row(name, "" if default is None else json.dumps(default, default=str), text)
    make_console().print(table)
