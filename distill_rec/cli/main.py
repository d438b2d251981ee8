"""The entry point `distill-rec`."""

from __future__ import annotations

from typing import Annotated

import typer

from distill_rec import __version__
from distill_rec.cli import (
    bench,
    compare,
    demo,
    distill,
    doctor,
    evaluate,
    export,
    init,
    keys,
    prepare,
    rank,
    recommend,
    run,
    score,
    serve,
    teach,
)
from distill_rec.cli.output import never_refuse

app = typer.Typer(
    name="distill-rec",
    help="From clicks and a pre-trained language model to a small, fast recommender.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        print(f"distill-rec {__version__}")
        raise typer.Exit


@app.callback()
def group(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    """From clicks and a pre-trained language model to a small, fast recommender."""


for command in (
    demo.demo,
    init.init,
    keys.keys,
    run.run,
    prepare.prepare,
    teach.teach,
    distill.distill,
    export.export,
    evaluate.evaluate,
    compare.compare,
    rank.rank,
    recommend.recommend,
    serve.serve,
    doctor.doctor,
    bench.bench,
    score.score,
):
    app.command()(command)


def main() -> None:
    """Run the command line."""
    never_refuse()
    app()
