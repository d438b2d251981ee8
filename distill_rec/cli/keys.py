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
    section: Annotated[str, typer.Argument(metavar="[SECTION]", help="as teacher.optimizer; or one key")] = "",
    as_json: JsonOption = False,
) -> None:
    """Tell every key that a recipe may have, its default and what it is for.

    Example: distill-rec keys teacher.optimizer
    """
    require_train()
    from distill_rec.recipe import Recipe
    from distill_rec.recipe_errors import describe, nearest_key

    every = describe(Recipe)
    sections = {name.rpartition(".")[0] for name, _, _ in every}
    found = [one for one in every if not section or f"{one[0]}.".startswith(f"{section}.")]
    if not found:
        near = nearest_key(section, [name for name, _, _ in every])
        meant = f" Did you mean {near}?" if near else ""
        fail(f"no section or key {section!r}.{meant} There are the sections {', '.join(sorted(sections - {''}))}.")
    found = [one for one in found if one[0] not in sections]
    if as_json:
        rows = [{"key": name, "default": default, "description": text} for name, text, default in found]
        print_json(rows, indent=2, default=str)
        return
    from rich.table import Table

    from distill_rec.terminal import print_table

    table = Table("key", "default", "what it is for", box=None, header_style="bold")
    for name, text, default in found:
        table.add_row(name, "" if default is None else json.dumps(default, default=str), text)
    print_table(make_console(), table)
