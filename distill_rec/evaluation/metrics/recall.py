"""Recall@k of one target (hit rate): the probability that it is among the first k."""

from __future__ import annotations

import numpy as np

from distill_rec.evaluation.metrics.ranks import TargetRanks
from distill_rec.evaluation.metrics.ties import Floats


def recall(ranks: TargetRanks, k: int) -> Floats:
    """`[n]`, 0 to 1; a fraction where the k-th place is tied."""
    return np.clip((k - ranks.greater) / ranks.group, 0.0, 1.0)
