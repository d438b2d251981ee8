"""`distill-rec recommend`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from distill_rec.cli.guard import guarded
from distill_rec.cli.options import ArtifactArgument, DimOption, JsonOption
from distill_rec.cli.output import print_json


@guarded
def recommend(
    artifact: ArtifactArgument,
    history: Annotated[str, typer.Option("--history", help="ids of clicked items, oldest first, as 1,50")] = "",
    k: Annotated[int, typer.Option("--k", "-k", min=1, help="how many items")] = 10,
    exclude: Annotated[str, typer.Option("--exclude", help="ids that are left out as well, as 7,9")] = "",
    seen: Annotated[
        bool, typer.Option("--seen", help="items of the history too, for people who come back to what they know")
    ] = False,
    dim: DimOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recommend items for a history with an exported student; works in the light install.

    Example: distill-rec recommend runs/demo/export/student --history 1,50 -k 5
    """
    from distill_rec.cli.artifact import ids_of, load_artifact, note_skipped

    student = load_artifact(artifact, dim)
    most = min(k, len(student.item_ids))
    found = student.recommend(history=ids_of(history), k=most, exclude=ids_of(exclude), seen=seen)
    note_skipped(student)
    if len(found) < k:
        print(f"fewer than {k:,}: these are all that may be recommended, {len(found):,} items", file=sys.stderr)
    if as_json:
        print_json([{"id": item, "score": float(score)} for item, score in found])
    else:
        for item, score in found:
            print(f"{item}\t{score:.6f}")
