"""What one stage hands to the next is of one catalogue and one preparation, or the next does not begin."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from distill_rec.runtime.errors import RunError

if TYPE_CHECKING:
    from distill_rec.data.dataset import Dataset

ITEM_IDS, DATA = "item_ids", "data"
"""Keys of a manifest or of a `model.json`."""


def marks_of(dataset: Dataset) -> dict[str, str]:
    """What whatever is trained on a data set carries of it."""
    return {ITEM_IDS: dataset.item_ids_digest, DATA: dataset.fingerprint}


def require_same(folder: Path, name: str, marks: dict[str, str], dataset: Dataset) -> None:
    """Refuse what was made from another catalogue, or from other clicks.

    Args:
        name: what is handed over.
        marks: its own, by the same keys; one that an older release did not write passes.

    Raises:
        RunError: naming both.
    """
    for key, what in ((ITEM_IDS, "item ids in order"), (DATA, "data")):
        mine, theirs = marks.get(key), marks_of(dataset)[key]
        if mine and mine != theirs:
            raise RunError(
                folder,
                f"{name} has {what} {mine}",
                f"{theirs}, as the prepared data has",
                "Rows would stand for other items. Run it anew on this data, or name the run that it belongs to.",
            )
