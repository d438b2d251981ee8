"""What the trainings of a run left of themselves: how each went and ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from distill_rec.files import read_json

STUDENTS = {name: f"distill/{name}" for name in ("undistilled", "initialised", "student")}
MODELS = {"teacher": "teach", **STUDENTS}
"""What a run trains, by the name of its column, and where it is kept."""


def histories_of(run: Path) -> dict[str, dict[str, Any]]:
    """`history.json` of each model that a run has trained, by the name of its column."""
    files = {name: run / folder / "history.json" for name, folder in MODELS.items()}
    return {name: read_json(file) for name, file in files.items() if file.exists()}


def validation_metrics(run: Path) -> dict[str, float]:
    """nDCG@10 on validation data of the models that were trained."""
    return {f"validation nDCG@10, {name}": found["best"] for name, found in histories_of(run).items()}


def trainings_of(folder: Path) -> dict[str, Any]:
    """How the trainings of a stage ended, by folder."""
    own = folder / "history.json"
    paths = [own] if own.exists() else sorted(folder.glob("*/history.json"))
    return {path.parent.name: read_json(path) for path in paths}


def print_trainings(folder: Path, console: Any) -> None:
    """The same on a rich console, one line a training."""
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in ("trained", "validation nDCG@10", "updates", "seconds", "ended by"):
        table.add_column(name, justify="left" if name in ("trained", "ended by") else "right")
    for name, found in trainings_of(folder).items():
        variants = found.get("variants") or [found | {"tuning": "", "ndcg@10": found["best"]}]
        for number, one in enumerate(variants):
            chosen = " (chosen)" if len(variants) > 1 and number == found["chosen"] else ""
            label = f"{name} {one['tuning']}{chosen}".strip()
            figures = f"{one['ndcg@10']:.4f}", str(one["updates"]), f"{one['seconds']:.1f}"
            table.add_row(label, *figures, _ending(one))
    console.print(table)


def _ending(one: dict[str, Any]) -> str:
    ended = str(one["stopped"]) + (", still rising" if one["rising"] else "")
    if one.get("kept_start"):
        ended += "; no clear gain, so the start was kept"
    if one["stopped"] == "max_seconds":
        ended += "; will not reproduce"
    return ended
