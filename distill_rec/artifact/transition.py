"""The transition term: what a score gets for items that people clicked soon after those of the history.

A dot product of few dimensions holds which items are alike; which one is bought right after another it blurs. That is
counted, and kept beside the vectors: a few followers of each item, each with a number. Evaluation and runtime read
histories with what is defined here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_rec.artifact.stored import Floats

Places = NDArray[np.int64]

READ = 16
"""Clicks of a history that count, the latest ones."""
FADE = 3.0
"""Clicks after which one counts e times less."""
BY_AGE = np.exp(-np.arange(READ) / FADE).astype(np.float32)
"""What a click counts, by how many came after it."""


@dataclass(frozen=True)
class TransitionTerm:
    """Followers of items.

    Attributes:
        items: int32 `[n_items, k]`, of each item; any where there are fewer.
        values: float32 `[n_items, k]`, how often they came soon after it, by how often either was clicked; 0 where
            there are fewer.
        factor: by which the values go into a score.
    """

    items: NDArray[np.int32]
    values: Floats
    factor: float

    def added(self, history: NDArray[Any], offsets: NDArray[Any]) -> tuple[Places, Places, Floats]:
        """Row, item and number of whatever gets something, each pair once, by row and then by item.

        Args:
            history: histories one after the other, oldest click first, as they are read.
            offsets: `[n + 1]`, where each begins.
        """
        row, clicked, age = self._read(history, offsets)
        numbers = self.values[clicked] * BY_AGE[age, None]
        there = numbers > 0
        size, items = len(self.items), self.items[clicked][there].astype(np.int64)
        keys = np.broadcast_to(row[:, None], there.shape)[there] * size + items
        found, place = np.unique(keys, return_inverse=True)
        sums = np.bincount(place.ravel(), weights=numbers[there], minlength=len(found)) * self.factor
        row, item = np.divmod(found, max(size, 1))
        return row, item, sums.astype(np.float32)

    def at(self, history: NDArray[Any], offsets: NDArray[Any], row: NDArray[Any], asked: NDArray[Any]) -> Floats:
        """What each asked item gets in the history of its row, `[m]`.

        Args:
            history, offsets: as of `added`.
            row, asked: `[m]`.
        """
        rows, found, numbers = self.added(history, offsets)
        if not len(found):
            return np.zeros(len(asked), dtype=np.float32)
        size = max(len(self.items), int(asked.max(initial=0)) + 1)
        keys, wanted = rows * size + found, row * size + asked.astype(np.int64)
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[place] == wanted, numbers[place], np.float32(0))

    def by_click(self, history: NDArray[Any], item: int) -> Floats:
        """What each click of a history adds to one item's score, `[length]`."""
        out = np.zeros(len(history), dtype=np.float32)
        _, clicked, age = self._read(history, np.array([0, len(history)]))
        numbers = np.where(self.items[clicked] == item, self.values[clicked], np.float32(0)).sum(1)
        out[len(history) - 1 - age] = numbers * BY_AGE[age] * np.float32(self.factor)
        return out

    def renumbered(self, rows: NDArray[Any]) -> TransitionTerm:
        """The same where items have other numbers.

        Args:
            rows: `[n]`, the number here of each item there; -1, or one that it has no followers of, of a new one.
        """
        known = (rows >= 0) & (rows < len(self.items))
        place = np.full(len(self.items), -1, dtype=np.int64)
        place[rows[known]] = np.flatnonzero(known)
        shape = len(rows), self.items.shape[1]
        items, values = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
        followers = place[self.items[rows[known]]]
        items[known], values[known] = np.maximum(followers, 0), np.where(followers >= 0, self.values[rows[known]], 0)
        return replace(self, items=items, values=values)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """As a file holds it."""
        return {"items": self.items, "values": self.values, "factor": np.array([self.factor], dtype=np.float32)}

    @staticmethod
    def of_arrays(arrays: dict[str, NDArray[Any]]) -> TransitionTerm:
        """What `arrays` gave.

        Raises:
            ValueError: they do not fit together.
            KeyError: one is missing.
        """
        items, values, factor = arrays["items"], arrays["values"], arrays["factor"]
        if items.ndim != 2 or items.dtype != np.int32 or values.dtype != np.float32 or values.shape != items.shape:
            raise ValueError(f"{items.dtype} {items.shape} followers with {values.dtype} {values.shape} values")
        if items.size and not 0 <= items.min() <= items.max() < len(items):
            raise ValueError(f"followers from {items.min()} to {items.max()} of {len(items)} items")
        for name, one, shape in (("factor", factor, (1,)), ("values", values, values.shape)):
            if one.shape != shape or not np.isfinite(one).all() or one.min(initial=0) < 0:
                raise ValueError(f"{name} {one.shape} where finite numbers {shape}, none below zero, belong")
        return TransitionTerm(items, values, float(factor[0]))

    def _read(self, history: NDArray[Any], offsets: NDArray[Any]) -> tuple[Places, Places, Places]:
        """Row, item and age of the clicks that count; later items have no followers."""
        row = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        age = np.asarray(offsets, dtype=np.int64)[row + 1] - 1 - np.arange(len(history))
        kept = (age < READ) & (history < len(self.items))
        return row[kept], history[kept].astype(np.int64), age[kept]
