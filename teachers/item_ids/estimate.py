"""What teaching item ids costs."""

from __future__ import annotations

from distill_rec.estimates import Sizes, training_seconds
from teachers.item_ids.spec import ItemIdsSection


def estimate(section: ItemIdsSection, sizes: Sizes) -> tuple[str, float]:
    """See `contracts.EstimateTeacher`."""
    return f"{sizes.items:,} free item vectors", training_seconds(section, section.optimizer, sizes)
