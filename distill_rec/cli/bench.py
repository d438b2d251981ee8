"""`distill-rec bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from distill_rec.cli.guard import guarded
from distill_rec.cli.options import ArtifactArgument, DimOption, JsonOption
from distill_rec.cli.output import print_json

LISTED = "numbers, as 1,8,64"


@guarded
def bench(
    artifact: ArtifactArgument,
    batches: Annotated[str, typer.Option("--batches", help=f"items or users of one call: {LISTED}")] = "1,8,64",
    histories: Annotated[str, typer.Option("--histories", help="clicks of a history, as 10,50")] = "10,50",
    items: Annotated[
        str, typer.Option("--items", help="catalogue sizes beside its own, its vectors repeated, as 100000,1000000")
    ] = "",
    threads: Annotated[str, typer.Option("--threads", help="of numpy and onnxruntime, each apart, as 1,2")] = "1",
    candidates: Annotated[int, typer.Option("--candidates", min=1, help="candidates to rank")] = 100,
    k: Annotated[int, typer.Option("--k", "-k", min=1, help="items to recommend")] = 10,
    precision: Annotated[
        str | None, typer.Option("--precision", help="of the artifact; its main one where not given")
    ] = None,
    dim: DimOption = None,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="in each, every case has its turn")] = 5,
    seconds: Annotated[float, typer.Option("--seconds", min=0.1, help="limit of all timed calls together")] = 20.0,
    out: Annotated[Path | None, typer.Option("--out", help="folder for bench.json and bench.html")] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how quick an exported student is here, and how near to the machine's limits; works in the light install.

    Example: distill-rec bench runs/demo/export/student --threads 1,2 --items 100000 --out runs/demo/bench
    """
    from distill_rec.bench.measure import bench as measure
    from distill_rec.bench.page import page_of
    from distill_rec.bench.results import Settings
    from distill_rec.bench.table import text_of
    from distill_rec.cli.artifact import artifact_folder
    from distill_rec.files import write_json, write_text

    settings = Settings(
        artifact=str(artifact_folder(artifact)),
        threads=_numbers(threads, "--threads"),
        batches=_numbers(batches, "--batches"),
        histories=_numbers(histories, "--histories"),
        items=_numbers(items, "--items"),
        candidates=candidates,
        k=k,
        rounds=rounds,
        seconds=seconds,
        precision=precision,
        dim=dim,
    )
    found = measure(settings)
    if out is not None:
        write_json(out / "bench.json", found.to_json())
        write_text(out / "bench.html", page_of(found))
    if as_json:
        print_json(found.to_json(), indent=2)
    else:
        print(text_of(found))
    if out is not None and not as_json:
        print(f"\npage: {out / 'bench.html'}")


def _numbers(text: str, option: str) -> tuple[int, ...]:
    """`1,8,64`, ascending, each once."""
    try:
        return tuple(sorted({int(part) for part in text.split(",") if part.strip()}))
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no list of {LISTED}", param_hint=option) from error
