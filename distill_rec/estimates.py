"""Roughly how long a training takes on two cores; an estimate is not a promise.

Orders of magnitude: a head on MovieLens-100k and on Amazon Video Games.
"""

from __future__ import annotations

from dataclasses import dataclass

from distill_rec.data.cautions import Caution
from distill_rec.recipe import OptimizerSection, UserSection

TEXTS_A_SECOND = 200
"""Through a small PLM."""
SECONDS_A_CLICK = 7e-5
SECONDS_A_SCORE = 6e-11
"""Per click, item of the catalogue and dimension."""
USUAL_EPOCHS = 20
TRAINING = 0.7
"""Share of the rows that are training clicks."""


@dataclass(frozen=True)
class Sizes:
    """Rows of the inputs; zero where they are not here yet.

    Attributes:
        samples: what a batch is made of: windows of users' clicks, or impressions.
        heavy: users with a large part of the rows, where they could be counted cheaply.
    """

    clicks: int
    items: int
    samples: int
    heavy: tuple[Caution, ...] = ()


def updates(optimizer: OptimizerSection, sizes: Sizes) -> float:
    """Batches until a training ends, by its limits."""
    per_epoch = _per_epoch(optimizer, sizes)
    if optimizer.max_updates is not None:
        return min(optimizer.max_updates, optimizer.max_epochs * per_epoch)
    return min(optimizer.max_epochs, USUAL_EPOCHS) * per_epoch


def training_seconds(section: UserSection, optimizer: OptimizerSection, sizes: Sizes) -> float:
    """Of all that is stepped every batch; no trunk."""
    epochs = updates(optimizer, sizes) / _per_epoch(optimizer, sizes)
    seconds = epochs * sizes.clicks * TRAINING * (SECONDS_A_CLICK + sizes.items * section.dim * SECONDS_A_SCORE)
    return min(seconds, optimizer.max_seconds or seconds)


def _per_epoch(optimizer: OptimizerSection, sizes: Sizes) -> float:
    return max(1.0, sizes.samples / optimizer.batch_size)
