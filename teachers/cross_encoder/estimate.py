"""What a cross-encoder costs: pairs in training, three passes each, and those that are scored."""

from __future__ import annotations

from distill_rec.estimates import TEXTS_A_SECOND, Sizes
from teachers.cross_encoder.spec import CrossEncoderSection

SHOWN = 30
"""Candidates of an impression, or those that are proposed."""


def estimate(section: CrossEncoderSection, sizes: Sizes) -> tuple[str, float]:
    """See `contracts.EstimateTeacher`."""
    optimizer = section.optimizer
    batches = min(optimizer.max_epochs * sizes.clicks / optimizer.batch_size, optimizer.max_updates or float("inf"))
    trained = 3 * batches * optimizer.batch_size * (1 + section.negatives)
    scored = SHOWN * (min(sizes.clicks, section.scored or sizes.clicks) + sizes.clicks / 4 * section.evaluated)
    a_second = TEXTS_A_SECOND * 32 / section.max_tokens
    training = min(trained / a_second, optimizer.max_seconds or float("inf"))
    return f"pairs of history and candidate, tuning {section.tuning}", 5.0 + training + scored / a_second
