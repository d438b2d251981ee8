"""Options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RecipeArgument = Annotated[
    str, typer.Argument(metavar="RECIPE", help="path of a recipe, or its name on a shelf, as students/static")
]
SetOption = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="change a key, as --set teacher.dim=32; may be repeated"),
]
OutOption = Annotated[Path | None, typer.Option("--out", help="folder of the run; runs/NAME where not given")]
RestartOption = Annotated[
    str | None,
    typer.Option("--restart", metavar="STAGE", help="run this stage and all later ones anew; the old folders are kept"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON on stdout, for scripts")]
ArtifactArgument = Annotated[
    Path, typer.Argument(metavar="ARTIFACT", help="an exported student, or the folder of the run that holds it")
]
DimOption = Annotated[
    int | None,
    typer.Option("--dim", min=1, help="score by so many dimensions, of a student trained with student.nested"),
]
