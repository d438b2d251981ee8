"""`distill-rec score`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from distill_rec.cli.guard import guarded
from distill_rec.cli.options import ArtifactArgument, DimOption, JsonOption
from distill_rec.cli.output import print_json


@guarded
def score(
    artifact: ArtifactArgument,
    users: Annotated[
        str,
        typer.Option(
            "--users", metavar="FILE", help="histories or clicks: Parquet, JSONL, CSV or TSV (.gz too), or a glob"
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="folder of the recommendations; a killed job goes on there")],
    k: Annotated[int, typer.Option("--k", "-k", min=1, help="items per user")] = 10,
    include_history: Annotated[
        bool, typer.Option("--include-history/--exclude-history", help="whether a history's items may come again")
    ] = False,
    only: Annotated[
        Path | None, typer.Option("--only", help="a text file of item ids, one per line: rank these alone")
    ] = None,
    user_column: Annotated[str, typer.Option("--user-column", help="column of the user's id")] = "user_id",
    history_column: Annotated[
        str,
        typer.Option("--history-column", help="column of a list of item ids, oldest first, or of ids between blanks"),
    ] = "history",
    item_column: Annotated[
        str, typer.Option("--item-column", help="column of an item's id, where a row is a click")
    ] = "item_id",
    time_column: Annotated[
        str, typer.Option("--time-column", help="column of a click's time; '' where the file is in order")
    ] = "timestamp",
    dim: DimOption = None,
    batch: Annotated[int, typer.Option("--batch", min=1, help="users ranked at once")] = 1024,
    part_users: Annotated[int, typer.Option("--part-users", min=1, help="users per file of the output")] = 65_536,
    threads: Annotated[int, typer.Option("--threads", min=1, help="batches ranked at the same time, in a process")] = 1,
    ray: Annotated[
        str | None, typer.Option("--ray", metavar="ADDRESS", help="rank on this cluster of Ray, or on a 'local' one")
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="with --ray: processes; one per CPU")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the best items of every user of a file to Parquet, in bounded memory; a killed job goes on.

    The output has one row per recommendation, in part-00000.parquet, ...: user_id, item_id, score, rank (from 1);
    _SUCCESS is there once it is whole. A file with a history column has one row per user; any other is a log of clicks.

    Example: distill-rec score runs/demo/export/student --users users.parquet --out recommendations -k 10
    """
    from distill_rec.cli.artifact import artifact_folder
    from distill_rec.cli.bars import make_progress
    from distill_rec.scoring import Columns, Settings
    from distill_rec.scoring import score as score_users
    from distill_rec.scoring.inputs import read_ids

    columns = Columns(user_column, history_column, item_column, time_column)
    wanted = None if only is None else read_ids(only)
    settings = Settings(k, include_history, wanted, columns, part_users, batch, threads, dim)
    began = time.monotonic()
    found = score_users(
        artifact_folder(artifact), users, out, settings, ray=ray, workers=workers, progress=make_progress()
    )
    found["seconds"] = round(time.monotonic() - began, 2)
    if as_json:
        print_json(found)
    else:
        print(_in_words(found))


def _in_words(found: dict[str, Any]) -> str:
    """The summary in words."""
    clicks = f" of {found['clicks']:,} clicks" if found["clicks"] else ""

    lines = [
        f"{found['users']:,} users{clicks}, {found['rows']:,} items in {found['parts']} files of {found['out']}",
        f"{found['without_history']:,} users without a history, {found['nothing_known']:,} with unknown items only: "
        "both are ranked as new users",
        f"{found['unknown_items']:,} unknown items left out of histories",
        f"{found['fewer']:,} users got fewer items than asked for",
        *(f"{count:,} rows refused: {reason}" for reason, count in found["refused"].items()),
    ]
    return "\n".join(lines)
