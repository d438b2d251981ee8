"""What `run` and the commands of single stages share."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill_rec.cli.guard import require_train
from distill_rec.cli.output import make_console, print_json
from distill_rec.files import read_json

if TYPE_CHECKING:
    from distill_rec.pipeline import StageReport
    from distill_rec.recipe import Recipe


def run_to(
    stage: str | None, recipe: str, changes: Sequence[str], out: Path | None, restart: str | None, as_json: bool
) -> None:
    """Run a recipe's stages up to one; tell what that stage made."""
    checked, folder, base = opened(recipe, changes, out)
    run_checked(stage, checked, folder, base, restart, as_json)


def opened(recipe: str, changes: Sequence[str], out: Path | None) -> tuple[Recipe, Path, Path]:
    """The recipe, the run's folder, and what the data's files are relative to."""
    require_train()
    from distill_rec.recipe_io import find_recipe, load_recipe

    checked = load_recipe(recipe, changes)
    return checked, out or Path("runs") / checked.name, find_recipe(recipe).parent


def folder_of(recipe: str, changes: Sequence[str], out: Path | None) -> Path:
    """The run's folder of a recipe."""
    return opened(recipe, changes, out)[1]


def run_checked(
    stage: str | None, recipe: Recipe, folder: Path, base: Path, restart: str | None, as_json: bool
) -> None:
    from distill_rec.cli.bars import make_progress
    from distill_rec.pipeline import run_stages

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
    if as_json:
        print_json(as_dict(folder, reports), indent=2)
    else:
        tell(folder, reports)


def as_dict(folder: Path, reports: list[StageReport]) -> dict[str, Any]:
    """For `--json`."""
    out: dict[str, Any] = {"run": str(folder), "stages": [report.__dict__ for report in reports]}
    ended = reports[-1].stage
    if ended == "evaluate":
        out["results"] = read_json(folder / "evaluate" / "results.json")
    elif ended == "prepare":
        out["summary"] = read_json(folder / "prepare" / "summary.json")
    elif ended == "export":
        out["artifact"] = str(folder / "export" / "student")
        out["export"] = read_json(folder / "export" / "report.json")
    else:
        out["trained"] = histories(folder / ended)
    return out


def histories(folder: Path) -> dict[str, Any]:
    """How the trainings of a stage ended, by folder."""
    own = folder / "history.json"
    paths = [own] if own.exists() else sorted(folder.glob("*/history.json"))
    return {path.parent.name: read_json(path) for path in paths}


def tell(folder: Path, reports: list[StageReport]) -> None:
    """Tables on stdout: what the last stage made, and what each took."""
    console = make_console()
    ended = reports[-1].stage
    if ended == "prepare":
        _tell_summary(folder, console)
    elif ended in ("teach", "distill"):
        _tell_histories(folder / ended, console)
    elif ended == "export":
        _tell_export(folder / "export", console)
    elif ended == "evaluate":
        from distill_rec.evaluation.render import render
        from distill_rec.evaluation.results import Results

        render(Results.read(folder / "evaluate"), console)
    _tell_stages(reports, console)
    paths = {"artifact": folder / "export" / "student", "report": folder / "evaluate" / "report.html"}
    for name, path in paths.items():
        if path.exists():
            console.print(f"{name}: {path}", soft_wrap=True, highlight=False)


def _tell_summary(folder: Path, console: Any) -> None:
    from rich.markup import escape
    from rich.table import Table

    from distill_rec.data import read_summary
    from distill_rec.data.faults import listing

    summary = read_summary(folder / "prepare")
    table = Table("what was read", "", box=None, header_style="bold")
    for name, value in summary.lines():
        table.add_row(escape(name), escape(value))
    console.print(table)
    if rows := summary.refused_rows:
        count = sum(fault["count"] for fault in summary.refused.values())
        first = f"the first {len(rows)} of {count:,} refused rows" if count > len(rows) else "refused rows"
        console.print(f"{first} (all of them: {folder / 'prepare' / 'refused.csv'}):", markup=False, soft_wrap=True)
        for line in listing(rows):
            console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
    for warning in summary.warnings:
        console.print(f"warning: {warning}", markup=False, highlight=False, soft_wrap=True)


def _tell_export(folder: Path, console: Any) -> None:
    from rich.table import Table

    report = read_json(folder / "report.json")
    table = Table(box=None, header_style="bold")
    for name in ("precision", "MB", "new items/s", "rank p50, ms", "nDCG@10", "lost", ""):
        table.add_column(name, justify="left" if name in ("precision", "") else "right")
    forms = {"megabytes": ".1f", "items_per_second": ",.0f", "p50_ms": ".3f", "ndcg@10": ".4f", "loss": ".2%"}
    for row in report["precisions"]:
        cells = ["-" if row[name] is None else format(row[name], form) for name, form in forms.items()]
        table.add_row(row["precision"], *cells, row["verdict"])
    console.print(table)
    console.print(f"version {report['version']}, digest {report['digest']}", soft_wrap=True, highlight=False)


def _tell_histories(folder: Path, console: Any) -> None:
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in ("trained", "validation nDCG@10", "updates", "seconds", "ended by"):
        table.add_column(name, justify="left" if name in ("trained", "ended by") else "right")
    for name, found in histories(folder).items():
        variants = found.get("variants") or [found | {"tuning": "", "ndcg@10": found["best"]}]
        for number, one in enumerate(variants):
            chosen = " (chosen)" if len(variants) > 1 and number == found["chosen"] else ""
            ended = one["stopped"] + (", still rising" if one["rising"] else "")
            if one.get("kept_start"):
                ended += "; no clear gain, so the start was kept"
            if one["stopped"] == "max_seconds":
                ended += "; will not reproduce"
            label = f"{name} {one['tuning']}{chosen}".strip()
            table.add_row(label, f"{one['ndcg@10']:.4f}", str(one["updates"]), f"{one['seconds']:.1f}", ended)
    console.print(table)


def _tell_stages(reports: list[StageReport], console: Any) -> None:
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in ("stage", "seconds", "peak memory", ""):
        table.add_column(name, justify="left" if name in ("stage", "") else "right")
    for report in reports:
        notes = ["finished before"] if not report.ran else []
        notes += ["after an interruption: seconds since then"] if report.resumed else []
        table.add_row(report.stage, f"{report.seconds:.1f}", f"{report.peak_bytes / 2**20:,.0f} MiB", "; ".join(notes))
    console.print(table)
