"""What `run` and the commands of single stages share."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill_rec.cli.guard import require_train
from distill_rec.cli.output import make_console, print_json
from distill_rec.pipeline.stages import STAGES, stage_named

if TYPE_CHECKING:
    from distill_rec.pipeline.run_stages import StageReport
    from distill_rec.recipe import Recipe


def run_to(
    stage: str | None, recipe: str, changes: Sequence[str], out: Path | None, restart: str | None, as_json: bool
) -> None:
    """Run a recipe's stages up to one; tell what that stage made."""
    require_train()
    from distill_rec.recipe_io import naming_recipe

    checked, folder, base = opened(recipe, changes, out)
    with naming_recipe(recipe):
        run_checked(stage, checked, folder, base, restart, as_json)


def opened(recipe: str, changes: Sequence[str], out: Path | None) -> tuple[Recipe, Path, Path]:
    """The recipe, the run's folder, and what the data's files are relative to."""
    require_train()
    from distill_rec.pipeline.opened import open_recipe
    from distill_rec.recipe_io import find_recipe

    return *open_recipe(recipe, changes, out), find_recipe(recipe).parent


def folder_of(recipe: str, changes: Sequence[str], out: Path | None) -> Path:
    """The run's folder of a recipe."""
    return opened(recipe, changes, out)[1]


def run_checked(
    stage: str | None, recipe: Recipe, folder: Path, base: Path, restart: str | None, as_json: bool
) -> None:
    from distill_rec.cli.bars import make_progress
    from distill_rec.pipeline.run_stages import run_stages
    from distill_rec.ranks import runs_command

    progress = make_progress()
    reports = run_stages(
        recipe,
        folder,
        base=base,
        until=stage,
        restart=restart,
        progress=progress,
        begin=lambda name: print(f"{name} ...", file=sys.stderr, flush=True),
    )
    if not runs_command():
        return
    if as_json:
        print_json(as_dict(folder, reports), indent=2)
    else:
        print_reports(folder, reports)


def as_dict(folder: Path, reports: list[StageReport]) -> dict[str, Any]:
    """For `--json`."""
    ended = stage_named(reports[-1].stage)
    return {"run": str(folder), "stages": [report.__dict__ for report in reports], **ended.report(folder)}


def print_reports(folder: Path, reports: list[StageReport]) -> None:
    """Tables on stdout: what the last stage made, and what each took."""
    console = make_console()
    stage_named(reports[-1].stage).print_report(folder, console)
    _print_stages(reports, console)
    if reports[-1].stage != "prepare":  # whose own report has them
        _print_cautions(folder)
    for stage in STAGES:
        if stage.product is not None and (path := folder / stage.name / stage.product[1]).exists():
            console.print(f"{stage.product[0]}: {path}", soft_wrap=True, highlight=False)


def _print_cautions(folder: Path) -> None:
    """What `prepare` found in the data that makes the figures above worth less."""
    from distill_rec.data import read_summary

    for caution in read_summary(folder / "prepare").cautions:
        print(f"look at: {caution['text']}")


def _print_stages(reports: list[StageReport], console: Any) -> None:
    from rich.table import Table

    from distill_rec.terminal import print_table

    table = Table(box=None, header_style="bold")
    for name in ("stage", "seconds", "peak memory", ""):
        table.add_column(name, justify="left" if name in ("stage", "") else "right")
    for report in reports:
        notes = ["finished before"] if not report.ran else []
        notes += ["after an interruption: seconds since then"] if report.resumed else []
        table.add_row(report.stage, f"{report.seconds:.1f}", f"{report.peak_bytes / 2**20:,.0f} MiB", "; ".join(notes))
    print_table(console, table)
