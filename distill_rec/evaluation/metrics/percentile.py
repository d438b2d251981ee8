"""Rank percentile of one target: what share of the other candidates stands below it (1 best, 0.5 chance)."""

from __future__ import annotations

import numpy as np

from distill_rec.evaluation.metrics.ranks import TargetRanks
from distill_rec.evaluation.metrics.ties import Floats


def percentile(ranks: TargetRanks) -> Floats:
    """`[n]`, 0 to 1; ties count half. A target that is the only candidate has 1."""
    others = ranks.candidates - 1
    above = ranks.greater + ranks.ties / 2
    return 1.0 - above / np.maximum(others, 1)
