"""What the trainings of a run left of themselves: how each went and ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from distill_rec.ensemble.record import EnsembleRecord
from distill_rec.evaluation.verdicts import adds_nothing
from distill_rec.records import read_record
from distill_rec.training.outcome import Outcome, Variant

STUDENTS = {name: f"distill/{name}" for name in ("undistilled", "initialised", "student")}

JOINT = "joint-teacher"
"""Column of a teacher that learned beside the student (`student.joint`), as it was when the student was kept."""
JOINT_FOLDER = f"{STUDENTS['student']}/teacher"


def ensemble_of(run: Path) -> EnsembleRecord | None:
    """What a run's several teachers are together; None where it has one."""
    path = run / "teach" / "ensemble.json"
    return read_record(EnsembleRecord, path) if path.exists() else None


def models_of(run: Path) -> dict[str, str]:
    """What a run trains, by the name of its column, and where it is kept."""
    ensemble = ensemble_of(run)
    teachers = {"teacher": "teach"} if ensemble is None else {name: f"teach/{name}" for name in ensemble.weights}
    return {**teachers, **STUDENTS}


def histories_of(run: Path) -> dict[str, Outcome]:
    """How each model that a run has trained ended, by the name of its column."""
    files = {name: run / folder / "history.json" for name, folder in models_of(run).items()}
    return {name: read_record(Outcome, file) for name, file in files.items() if file.exists()}


def validation_metrics(run: Path) -> dict[str, float]:
    """nDCG@10 on validation data of the models that were trained, and of several teachers together."""
    found = {name: one.best for name, one in histories_of(run).items()}
    if (ensemble := ensemble_of(run)) is not None:
        found["teacher"] = ensemble.together
    return {f"validation nDCG@10, {name}": value for name, value in found.items()}


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

    from distill_rec.terminal import print_table

    table = Table(box=None, header_style="bold")
    for name in ("trained", "validation nDCG@10", "updates", "kept", "seconds", "ended by"):
        table.add_column(name, justify="left" if name in ("trained", "ended by") else "right")
    for name, found in trainings_of(folder).items():
        for before, first in found.before.items():
            judged = "" if first.by == "ndcg@10" else f" (by {first.by})"
            table.add_row(f"{name}, {before}{judged}", *_figures(first, first.best, first.kept))
        if not found.variants:
            table.add_row(name, *_figures(found, found.best, found.kept))
        for number, one in enumerate(found.variants or []):
            chosen = " (chosen)" if len(found.variants or []) > 1 and number == found.chosen else ""
            kept = found.kept if number == found.chosen else None
            table.add_row(f"{name} {one.tuning}{chosen}", *_figures(one, one.ndcg, kept))
    print_table(console, table)
    if (ensemble := ensemble_of(folder.parent)) is not None and folder.name == "teach":
        weights = ", ".join(f"{name} {weight:.3g}" for name, weight in ensemble.weights.items())
        mean = ensemble.validation["mean"]
        told = f"together {ensemble.together:.4f} (equal weights {mean:.4f}); weights: {weights}"
        idle = [adds_nothing(name) for name, weight in ensemble.weights.items() if weight == 0]
        for line in (told, *idle):
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def _figures(one: Outcome | Variant, best: float, kept: int | None) -> tuple[str, ...]:
    """Cells of a training.

    Args:
        kept: update whose weights were kept, where it is known.
    """
    ended = one.stopped + (", still rising" if one.rising else "") if one.updates else "not trained"
    if one.kept_start and one.updates:
        ended += "; no clear gain, so the start was kept"
    if one.stopped == "max_seconds":
        ended += "; will not reproduce"
    return f"{best:.4f}", str(one.updates), "-" if kept is None else str(kept), f"{one.seconds:.1f}", ended
