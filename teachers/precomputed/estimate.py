"""What a teacher that is a file costs: to read it, and a head over its vectors."""

from __future__ import annotations

from distill_rec.estimates import Sizes, training_seconds
from teachers.precomputed.spec import PrecomputedSection

ROWS_A_SECOND = 2e5
"""Samples whose scores are read, some tens of items each."""


def estimate(section: PrecomputedSection, sizes: Sizes) -> tuple[str, float]:
    """See `contracts.EstimateTeacher`."""
    words, seconds = [], 0.0
    if section.vectors:
        words.append("a head over vectors of a file")
        seconds += training_seconds(section, section.optimizer, sizes)
    if section.scores:
        words.append("scores of a file")
        seconds += 1.0 + sizes.clicks / ROWS_A_SECOND
    return ", and ".join(words), seconds
