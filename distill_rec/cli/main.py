"""The entry point `distill-rec`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from distill_rec import __version__
from distill_rec.cli import (
    bench,
    compare,
    demo,
    doctor,
    export,
    init,
    keys,
    rank,
    recommend,
    refresh,
    run,
    score,
    search,
    serve,
    tune_study,
)
from distill_rec.cli.output import never_refuse
from distill_rec.cli.stage_commands import command_of, help_of
from distill_rec.pipeline.stages import STAGES

OWN: dict[str, Callable[..., None]] = {"export": export.export, "refresh": refresh.refresh}
"""Commands of stages that take options of their own."""

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


for command in (demo.demo, init.init, keys.keys, run.run):
    app.command()(command)
for stage in STAGES:
    app.command(stage.name, help=help_of(stage))(OWN.get(stage.name) or command_of(stage))
app.command("tune-study")(tune_study.tune_study)
app.command()(search.search)
for later in (
    compare.compare,
    rank.rank,
    recommend.recommend,
    serve.serve,
    doctor.doctor,
    bench.bench,
    score.score,
):
    app.command()(later)


def main() -> None:
    """Run the command line."""
    never_refuse()
    app()
