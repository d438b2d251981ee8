"""The process that trains one cell, a row with one seed: its order as a line of JSON on stdin, progress on stdout.

A process of its own has a peak of memory of its own, and where it dies the other cells go on. Its stdin stays open as
long as the study lives: when that ends, so does it, and no orphan trains on beside the command that takes over.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from distill_rec.contracts import teacher_spec
from distill_rec.data.dataset import Dataset
from distill_rec.kinds import settings_of
from distill_rec.progress import Progress
from distill_rec.records import read_record
from distill_rec.runtime.errors import DistillRecError
from distill_rec.study.plan import HEAD
from distill_rec.study.records import Budget
from distill_rec.study.told import Teller
from distill_rec.training.outcome import Outcome


def train_cell(section: Any, dataset: Dataset, folder: Path, budget: Budget, progress: Progress) -> None:
    """Leave a teacher in `folder`, trained within the budget; go on where a killed process stopped.

    A tuned trunk starts from the head alone, trained until its plateau or its share of the budget; tuning has what is
    left.
    """
    teach = teacher_spec(section.kind).teach.get()
    if section.tuning == HEAD:
        teach(_limited(section, "optimizer", budget, budget.amount), dataset, folder, progress=progress)
        return
    section = _limited(section, "optimizer", budget, budget.amount * budget.warm_up)
    teach(section.model_copy(update={"tuning": HEAD, "trunk_optimizer": None}), dataset, folder, progress=progress)
    warm_up = warm_up_of(folder)
    assert warm_up is not None
    spent = warm_up.seconds if budget.unit == "max_seconds" else warm_up.updates
    section = _limited(section, "trunk_optimizer", budget, max(budget.amount - spent, 0))
    teach(section, dataset, folder, progress=progress)


def warm_up_of(folder: Path) -> Outcome | None:
    """How the training of the head alone ended, in a cell's folder."""
    found = sorted(folder.glob(f"variants/{HEAD}-*/history.json"))
    return read_record(Outcome, found[0]) if found else None


def _limited(section: Any, key: str, budget: Budget, amount: float) -> Any:
    """The section with one of its optimizers under a limit."""
    limit = amount if budget.unit == "max_seconds" else int(amount)
    optimizer = getattr(section, key).model_copy(update={budget.unit: limit})
    return section.model_copy(update={key: optimizer})


def _end_with_the_study() -> None:
    def wait() -> None:
        sys.stdin.read()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def main() -> None:
    """Train what stdin says; a failure of ours is told as such, any other has its traceback on stderr."""
    order = json.loads(sys.stdin.readline())
    _end_with_the_study()
    teller = Teller(sys.stdout)
    try:
        section = settings_of("teacher", order["section"]["kind"]).model_validate(order["section"])
        dataset = Dataset.load(Path(order["data"]))
        train_cell(section, dataset, Path(order["folder"]), Budget.model_validate(order["budget"]), teller)
    except (DistillRecError, MemoryError) as error:
        teller.tell({"failure": str(error) or "out of memory"})
        sys.stdout.flush()
        os._exit(1)
    sys.stdout.flush()
    os._exit(0)  # at once: the thread that waits for the study's end holds stdin


if __name__ == "__main__":
    main()
