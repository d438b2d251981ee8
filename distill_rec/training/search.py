"""One training with each of its optimiser's tries; the best on validation data is kept.

Models that are compared get the same tries, so that none looks good because another was trained badly.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from distill_rec.files import read_json, replacing, write_json
from distill_rec.recipe import OptimizerSection
from distill_rec.runtime.errors import TrainingError

Train = Callable[[OptimizerSection, Path], None]
REPORTED = ("best", "updates", "seconds", "stopped", "rising", "steps")


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
    tried: list[dict[str, Any]] = []
    failure: TrainingError | None = None
    for number, one in enumerate(sections):
        place = folder / "tries" / str(number)
        try:
            if not (place / "history.json").exists():
                train(one, place)
        except TrainingError as error:
            failure = error
            tried.append({"changes": section.tries[number], "stopped": "diverged", "best": float("-inf")})
            continue
        history = read_json(place / "history.json")
        tried.append({"changes": section.tries[number], **{key: history[key] for key in REPORTED}})
    chosen = max(range(len(tried)), key=lambda number: tried[number]["best"])
    if failure is not None and tried[chosen]["stopped"] == "diverged":
        raise failure
    _take(folder / "tries" / str(chosen), folder, [_plain(one) for one in tried], chosen)


def _plain(tried: dict[str, Any]) -> dict[str, Any]:
    """As JSON has it: a try that diverged has no best."""
    return tried | {"best": None if tried["stopped"] == "diverged" else tried["best"]}


def _take(source: Path, folder: Path, tried: list[dict[str, Any]], chosen: int) -> None:
    """Copy the chosen try's weights, then its history with what was tried: without it the search is not finished."""
    with replacing(folder / "best.safetensors") as temporary:
        shutil.copyfile(source / "best.safetensors", temporary)
    write_json(folder / "history.json", read_json(source / "history.json") | {"tries": tried, "chosen_try": chosen})
