"""Train one cell, a row with one seed, in a process of its own.

Its peak of memory is then its own, and where it dies the other cells go on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from distill_rec.contracts import teacher_spec
from distill_rec.data.dataset import Dataset
from distill_rec.kinds import settings_of
from distill_rec.progress import Progress
from distill_rec.records import read_record
from distill_rec.study.plan import HEAD
from distill_rec.study.records import Budget
from distill_rec.training.outcome import Outcome


def run_cell(section: dict[str, Any], data: str, folder: str, budget: dict[str, Any], progress: Progress) -> None:
    """`train_cell` from JSON: what a study's process is asked for."""
    settings = settings_of("teacher", section["kind"]).model_validate(section)
    train_cell(settings, Dataset.load(Path(data)), Path(folder), Budget.model_validate(budget), progress)


def train_cell(section: Any, dataset: Dataset, folder: Path, budget: Budget, progress: Progress) -> None:
    """Leave a teacher in `folder`, trained within the budget; go on where a killed process stopped.

    A tuned trunk starts from the head alone, trained until its plateau or its share of the budget; tuning has what is
    left.
    """
    teach = teacher_spec(section.kind).teach.get()
    if section.tuning == HEAD:
        teach(limited(section, "optimizer", budget, budget.amount), dataset, folder, progress=progress)
        return
    section = limited(section, "optimizer", budget, budget.amount * budget.warm_up)
    teach(section.model_copy(update={"tuning": HEAD, "trunk_optimizer": None}), dataset, folder, progress=progress)
    warm_up = warm_up_of(folder)
    assert warm_up is not None
    spent = warm_up.seconds if budget.unit == "max_seconds" else warm_up.updates
    section = limited(section, "trunk_optimizer", budget, max(budget.amount - spent, 0))
    teach(section, dataset, folder, progress=progress)


def warm_up_of(folder: Path) -> Outcome | None:
    """How the training of the head alone ended, in a cell's folder."""
    found = sorted(folder.glob(f"variants/{HEAD}-*/history.json"))
    return read_record(Outcome, found[0]) if found else None


def limited(section: Any, key: str, budget: Budget, amount: float) -> Any:
    """The section with one of its optimizers under a limit."""
    limit = amount if budget.unit == "max_seconds" else int(amount)
    optimizer = getattr(section, key).model_copy(update={budget.unit: limit})
    return section.model_copy(update={key: optimizer})
