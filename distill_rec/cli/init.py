"""`distill-rec init`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from distill_rec.cli.guard import fail, guarded
from distill_rec.cli.options import JsonOption
from distill_rec.cli.output import print_json


@guarded
def init(
    clicks: Annotated[Path, typer.Option("--clicks", exists=True, help="file of clicks: CSV, TSV, JSONL, Parquet")],
    items: Annotated[Path, typer.Option("--items", exists=True, help="file of items with their texts")],
    out: Annotated[Path, typer.Option("--out", help="the recipe that is written")] = Path("recipe.toml"),
    force: Annotated[bool, typer.Option("--force", help="write over a recipe that is there")] = False,
    as_json: JsonOption = False,
) -> None:
    """Guess the columns of two files and write a recipe for them, each of its keys explained.

    Example: distill-rec init --clicks clicks.csv --items items.csv --out recipe.toml
    """
    from distill_rec.cli.guess import guess
    from distill_rec.cli.write_recipe import recipe_text
    from distill_rec.files import write_text

    if out.exists() and not force:
        fail(f"{out} is there already. Name another file with --out, or use --force.")
    found = guess(clicks, items)
    write_text(out, recipe_text(found, out.resolve().parent))
    if as_json:
        print_json({"recipe": str(out), "data": found})
        return
    for key, value in found.items():
        print(f"data.{key} = {json.dumps(value, ensure_ascii=False)}")
    print(f"wrote {out}. Look at the columns, then: distill-rec run {out}")
