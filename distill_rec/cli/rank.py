"""`distill-rec rank`."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from distill_rec.cli.guard import guarded
from distill_rec.cli.options import ArtifactArgument, DimOption, JsonOption
from distill_rec.cli.output import print_json

if TYPE_CHECKING:
    from distill_rec.runtime import Student


@guarded
def rank(
    artifact: ArtifactArgument,
    history: Annotated[str, typer.Option("--history", help="ids of clicked items, oldest first, as 1,50")] = "",
    candidates: Annotated[str | None, typer.Option("--candidates", help="ids of items to rank, as 181,7")] = None,
    behaviors: Annotated[
        Path | None, typer.Option("--behaviors", help="a MIND behaviors.tsv: one line of ranks per impression")
    ] = None,
    dim: DimOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rank candidates for a history with an exported student; works in the light install.

    Example: distill-rec rank runs/demo/export/student --history 1,50 --candidates 181,7
    """
    from distill_rec.cli.artifact import ids_of, load_artifact, note_skipped

    if (candidates is None) == (behaviors is None):
        raise typer.BadParameter("give either --candidates or --behaviors")
    student = load_artifact(artifact, dim)
    if behaviors is not None:
        _rank_file(student, behaviors, as_json)
        return
    items = ids_of(candidates or "")
    scores = student.rank(history=ids_of(history), candidates=items)
    note_skipped(student)
    ranked = sorted(zip(items, map(float, scores), strict=True), key=lambda pair: -pair[1])
    if as_json:
        print_json([{"id": item, "score": score} for item, score in ranked])
    else:
        for item, score in ranked:
            print(f"{item}\t{score:.6f}")


def _rank_file(student: Student, path: Path, as_json: bool) -> None:
    """`ID [rank,rank,...]` for each impression, the form of MIND's submissions."""
    from distill_rec.cli.behaviors import BATCH, Unknown, rankings, read_impressions

    unknown, lines = Unknown(), read_impressions(path)
    while batch := list(islice(lines, BATCH)):
        for one, ranks in zip(batch, rankings(student, batch, unknown), strict=True):
            if as_json:
                print_json({"impression": one.name, "candidates": one.candidates, "ranks": ranks})
            else:
                print(f"{one.name} [{','.join(map(str, ranks))}]")
    if unknown.candidates or unknown.history:
        print(
            f"{unknown.candidates} unknown candidates ranked last, "
            f"{unknown.history} unknown items left out of histories",
            file=sys.stderr,
        )
