"""The log of clicks as it is stored, once: everything that a user did before a moment is a slice of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.slices import Slices
from distill_rec.files import read_array, write_array

COLUMNS = {"items": "item", "times": "time", "weights": "weight", "history": "item", "seen": "seen"}
"""Which column of the log the rows of a sample's field are slices of."""


@dataclass(frozen=True)
class ClickLog:
    """Clicks by user, time and file order, and what each user had seen, each item once.

    Attributes:
        offsets: int64 `[n_users + 1]`, where each user's clicks begin.
        item, time, weight: int32, int64, float32 `[n_clicks]`.
        seen_offsets: int64 `[n_users + 1]`, where each user's seen items begin.
        seen: int32; a user's distinct items in the order of the first row (click or not) of each. What came before a
            moment is a slice of it, and never longer than the catalogue.
    """

    offsets: NDArray[np.int64]
    item: NDArray[np.int32]
    time: NDArray[np.int64]
    weight: NDArray[np.float32]
    seen_offsets: NDArray[np.int64]
    seen: NDArray[np.int32]

    def rows(self, field: str, user: NDArray[np.int32], end: NDArray[np.int64], most: int) -> Slices:
        """Rows that end before the given places of a column.

        Args:
            field: of a sample (a key of `COLUMNS`).
            user: int32 `[n]`. end: int64 `[n]`.
            most: clicks that a history keeps.
        """
        begin = (self.seen_offsets if field == "seen" else self.offsets)[user]
        if field == "history":
            begin = np.maximum(begin, end - most)
        return Slices(getattr(self, COLUMNS[field]), np.asarray(begin), end)

    def digest(self) -> str:
        """A hash of all columns."""
        digest = hashlib.sha256()
        for field in fields(self):
            digest.update(np.ascontiguousarray(getattr(self, field.name)).data)
        return digest.hexdigest()

    def write(self, folder: Path) -> None:
        for field in fields(self):
            write_array(folder / f"log.{field.name}.npy", getattr(self, field.name))

    @staticmethod
    def read(folder: Path) -> ClickLog:
        """Read memory-mapped."""
        values: dict[str, Any] = {
            field.name: read_array(folder / f"log.{field.name}.npy") for field in fields(ClickLog)
        }
        return ClickLog(**values)
