"""AUC by impression: the probability that a clicked candidate scores above one that was not clicked."""

from __future__ import annotations

import numpy as np

from distill_rec.evaluation.metrics.ranks import ImpressionRanks
from distill_rec.evaluation.metrics.ties import Floats


def auc(ranks: ImpressionRanks) -> Floats:
    """`[n]`, ties count half; NaN for an impression with no click or only clicks (Mann-Whitney's U)."""
    clicks = ranks.clicks
    others = ranks.shown - clicks
    # ascending rank of a candidate, 1 = lowest, the mean over its ties
    ascending = ranks.shown[ranks.row] - ranks.greater - (ranks.group - 1) / 2
    u = ranks.sum_clicked(ascending) - clicks * (clicks + 1) / 2
    pairs = clicks * others
    values: Floats = np.divide(u, pairs, out=np.full(len(clicks), np.nan), where=pairs > 0)
    return values
