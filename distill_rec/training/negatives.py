"""Negatives that are drawn, in the place of the whole catalogue or of all that was shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.dataset import Dataset
from distill_rec.recipe import OptimizerSection
from distill_rec.runtime.errors import RecipeError
from distill_rec.training.batches import Batch, ImpressionBatch, Indices, SequenceBatch

STREAM = 11
"""Parts these draws from others of the same seed."""


@dataclass(frozen=True)
class Negatives:
    """Draws by seed, epoch and place in the epoch alone, so that a training that goes on draws the same.

    Attributes:
        count: clicks: items for each window; impressions: candidates that were not clicked, for each impression.
        chance: `[n_items]`, of an item to be drawn, for clicks; zero for those without training clicks.
    """

    count: int
    seed: int
    chance: NDArray[np.float64]

    @staticmethod
    def of(section: OptimizerSection, dataset: Dataset, seed: int) -> Negatives | None:
        """What a section asks for; None where all are read.

        Raises:
            RecipeError: it asks for a way that the data do not have.
        """
        if section.drawn_negatives is None:
            return None
        if dataset.kind == "impressions" and section.drawn_by != "uniform":
            found = f"{section.drawn_by!r}, and impressions have negatives of their own"
            raise RecipeError("key optimizer.drawn_by", found, "'uniform', for impressions")
        return Negatives(section.drawn_negatives, seed, chances(dataset, section.drawn_by))

    def batch(self, batch: Batch, epoch: int, number: int) -> Batch:
        """An impression's clicked candidates and `count` of the others; clicks as they are."""
        if isinstance(batch, SequenceBatch):
            return batch
        generator = np.random.default_rng([self.seed, epoch, number, STREAM])
        others = batch.shown & ~batch.labels
        order = np.where(others, generator.random(others.shape), np.inf).argsort(1).argsort(1)
        return replace(batch, shown=batch.shown & (batch.labels | (order < self.count)))

    def items(self, batches: Sequence[Batch], epoch: int, first: int) -> Indices | None:
        """Items of a window: those of its batches, and `count` others; None where impressions bring their own.

        Args:
            first: number of the window's first batch within the epoch.
        """
        if isinstance(batches[0], ImpressionBatch):
            return None
        own = np.unique(np.concatenate([batch.items for batch in batches]))
        chance = self.chance.copy()
        chance[own] = 0.0
        left = int(np.count_nonzero(chance))
        if left <= self.count:
            return np.union1d(own, np.flatnonzero(chance))
        generator = np.random.default_rng([self.seed, epoch, first, STREAM])
        drawn = generator.choice(len(chance), self.count, replace=False, p=chance / chance.sum())
        return np.union1d(own, drawn)


def chances(dataset: Dataset, by: Literal["uniform", "clicks"]) -> NDArray[np.float64]:
    """How likely each item with training clicks is drawn, not summing to one: alike, or by its clicks."""
    clicks = np.asarray(dataset.train_clicks, dtype=np.float64)
    return clicks if by == "clicks" else (clicks > 0).astype(np.float64)
