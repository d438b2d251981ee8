"""One training with each of its optimiser's tries; the best on validation data is kept.

Models that are compared get the same tries, so that none looks good because another was trained badly.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from distill_rec.files import replacing
from distill_rec.recipe import OptimizerSection
from distill_rec.records import read_record, write_record
from distill_rec.runtime.errors import TrainingError
from distill_rec.training.outcome import Outcome, Try

Train = Callable[[OptimizerSection, Path], None]
REPORTED = {"best", "updates", "seconds", "stopped", "rising", "steps", "moved_last"}


def search(section: OptimizerSection, folder: Path, train: Train) -> None:
    """Leave `history.json` and `best.safetensors` of the best try in `folder`; go on where a killed run stopped.

    Args:
        train: trains by a section into a folder and leaves both files there.

    Raises:
        TrainingError: every try diverged.
    """
    sections = section.each_try()
    if len(sections) == 1:
        train(sections[0], folder)
        return
    tried: list[Try] = []
    failure: TrainingError | None = None
    for number, one in enumerate(sections):
        place = folder / "tries" / str(number)
        try:
            if not (place / "history.json").exists():
                train(one, place)
        except TrainingError as error:
            failure = error
            tried.append(Try(changes=section.tries[number], stopped="diverged", best=None))
            continue
        outcome = read_record(Outcome, place / "history.json")
        tried.append(Try(changes=section.tries[number], **outcome.model_dump(include=REPORTED)))
    chosen = max(range(len(tried)), key=lambda number: _best(tried[number]))
    if failure is not None and tried[chosen].stopped == "diverged":
        raise failure
    _take(folder / "tries" / str(chosen), folder, tried, chosen)


def place_of_chosen(folder: Path) -> Path:
    """Where the training lies whose weights a finished search left in `folder`: a try's own folder, or the same."""
    chosen = read_record(Outcome, folder / "history.json").chosen_try
    return folder if chosen is None else folder / "tries" / str(chosen)


def _best(tried: Try) -> float:
    """A try that diverged has none."""
    return float("-inf") if tried.best is None else tried.best


def _take(source: Path, folder: Path, tried: list[Try], chosen: int) -> None:
    """Copy the chosen try's weights, then its history with what was tried: without it the search is not finished."""
    with replacing(folder / "best.safetensors") as temporary:
        shutil.copyfile(source / "best.safetensors", temporary)
    outcome = read_record(Outcome, source / "history.json")
    write_record(folder / "history.json", outcome.model_copy(update={"tries": tried, "chosen_try": chosen}))
