"""Memory that stages hold: orders of magnitude, no promise."""

from __future__ import annotations

from distill_rec.estimates import Sizes
from distill_rec.recipe import Recipe, UserSection

# Peak of resident memory, bytes: what a process takes whatever the data, and what a row and an item add.
RESIDENT = 130 << 20
BYTES_A_ROW = 200
BYTES_AN_ITEM = 1500


def held_by_prepare(sizes: Sizes) -> int:
    """Peak of resident memory, bytes."""
    return RESIDENT + sizes.read * BYTES_A_ROW + sizes.items * BYTES_AN_ITEM


def held_by_training(resident: int, recipe: Recipe, sizes: Sizes) -> int:
    """Peak of resident memory, bytes, where torch works on a catalogue.

    Args:
        resident: bytes that the process takes whatever the data.
    """
    teachers = [] if recipe.teacher is None else [recipe.teacher, *recipe.teacher.parts().values()]
    dims = [section.dim for section in (*teachers, recipe.student) if isinstance(section, UserSection)]
    # weights, gradient, two moments and the copies that a window works on
    return max(held_by_prepare(sizes), resident + sizes.items * max(dims, default=64) * 4 * 12)
