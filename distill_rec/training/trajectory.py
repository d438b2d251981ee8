"""States that a finished training kept of its way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from distill_rec.records import read_record
from distill_rec.training.loop import kept_at
from distill_rec.training.outcome import Outcome
from distill_rec.training.search import place_of_chosen


def earlier_states(folder: Path, updates: Sequence[int]) -> list[Path]:
    """Weights after each of these updates, in order; those that did not come before the kept ones are left out.

    Args:
        folder: of the training.
        updates: what it was given as `keep`.
    """
    kept = read_record(Outcome, folder / "history.json").kept or 0
    place = place_of_chosen(folder)
    return [path for update in updates if update < kept and (path := kept_at(place, update)).exists()]
