"""Seconds and memory of what stages have in common: orders of magnitude on two cores, no promise.

Measured with a head on MovieLens-100k and on Amazon Video Games.
"""

from __future__ import annotations

from distill_rec.pipeline.sizes import TRAINING, Sizes
from distill_rec.recipe import ModelSection, OptimizerSection, Recipe

SECONDS_A_CLICK = 7e-5
SECONDS_A_SCORE = 6e-11  # per click, item of the catalogue and dimension
USUAL_EPOCHS = 20
# Peak of resident memory, bytes: what a process takes whatever the data, and what a row and an item add.
RESIDENT = 130 << 20
BYTES_A_ROW = 200
BYTES_AN_ITEM = 1500


def held_by_prepare(sizes: Sizes) -> int:
    """Peak of resident memory, bytes."""
    return RESIDENT + sizes.clicks * BYTES_A_ROW + sizes.items * BYTES_AN_ITEM


def held_by_training(resident: int, recipe: Recipe, sizes: Sizes) -> int:
    """Peak of resident memory, bytes, where torch works on a catalogue.

    Args:
        resident: bytes that the process takes whatever the data.
    """
    dims = [section.dim for section in (recipe.teacher, recipe.student) if section is not None]
    # weights, gradient, two moments and the copies that a window works on
    return max(held_by_prepare(sizes), resident + sizes.items * max(dims, default=64) * 4 * 12)


def updates_of(optimizer: OptimizerSection, sizes: Sizes) -> float:
    """Batches of a training, about."""
    per_epoch = _per_epoch(optimizer, sizes)
    if optimizer.max_updates is not None:
        return min(optimizer.max_updates, optimizer.max_epochs * per_epoch)
    return min(optimizer.max_epochs, USUAL_EPOCHS) * per_epoch


def training_seconds(section: ModelSection, optimizer: OptimizerSection, sizes: Sizes) -> float:
    """One training of user encoder, offsets and head."""
    epochs = updates_of(optimizer, sizes) / _per_epoch(optimizer, sizes)
    seconds = epochs * sizes.clicks * TRAINING * (SECONDS_A_CLICK + sizes.items * section.dim * SECONDS_A_SCORE)
    return min(seconds, optimizer.max_seconds or seconds)


def _per_epoch(optimizer: OptimizerSection, sizes: Sizes) -> float:
    return max(1.0, sizes.samples / optimizer.batch_size)
