"""What the trainings of a run left of themselves: how each went and ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from distill_rec.records import read_record
from distill_rec.training.outcome import Outcome, Variant

STUDENTS = {name: f"distill/{name}" for name in ("undistilled", "initialised", "student")}
MODELS = {"teacher": "teach", **STUDENTS}
"""What a run trains, by the name of its column, and where it is kept."""


def histories_of(run: Path) -> dict[str, Outcome]:
    """How each model that a run has trained ended, by the name of its column."""
    files = {name: run / folder / "history.json" for name, folder in MODELS.items()}
    return {name: read_record(Outcome, file) for name, file in files.items() if file.exists()}


def validation_metrics(run: Path) -> dict[str, float]:
    """nDCG@10 on validation data of the models that were trained."""
    return {f"validation nDCG@10, {name}": found.best for name, found in histories_of(run).items()}


def trainings_of(folder: Path) -> dict[str, Outcome]:
    """How the trainings of a stage ended, by folder."""
    own = folder / "history.json"
    paths = [own] if own.exists() else sorted(folder.glob("*/history.json"))
    return {path.parent.name: read_record(Outcome, path) for path in paths}


def report_trainings(folder: Path) -> dict[str, Any]:
    """The same for `--json`, as their files have it."""
    found = trainings_of(folder)
    return {name: one.model_dump(by_alias=True, exclude_unset=True) for name, one in found.items()}


def print_trainings(folder: Path, console: Any) -> None:
    """The same on a rich console, one line per training."""
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in ("trained", "validation nDCG@10", "updates", "seconds", "ended by"):
        table.add_column(name, justify="left" if name in ("trained", "ended by") else "right")
    for name, found in trainings_of(folder).items():
        if not found.variants:
            table.add_row(name, *_figures(found, found.best))
        for number, one in enumerate(found.variants or []):
            chosen = " (chosen)" if len(found.variants or []) > 1 and number == found.chosen else ""
            table.add_row(f"{name} {one.tuning}{chosen}", *_figures(one, one.ndcg))
    console.print(table)


def _figures(one: Outcome | Variant, best: float) -> tuple[str, str, str, str]:
    ended = one.stopped + (", still rising" if one.rising else "")
    if one.kept_start:
        ended += "; no clear gain, so the start was kept"
    if one.stopped == "max_seconds":
        ended += "; will not reproduce"
    return f"{best:.4f}", str(one.updates), f"{one.seconds:.1f}", ended
