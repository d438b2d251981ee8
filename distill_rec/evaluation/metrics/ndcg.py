"""nDCG@k with binary relevance (Järvelin and Kekäläinen 2002, gain 1, discount log2(rank + 1)).

The ideal list is made of all clicks of the sample, never of those that the model happened to place in its top k.
"""

from __future__ import annotations

import numpy as np

from distill_rec.evaluation.metrics.ranks import ImpressionRanks, TargetRanks
from distill_rec.evaluation.metrics.ties import Floats, discounts, expected, up_to


def ndcg(ranks: TargetRanks, k: int) -> Floats:
    """`[n]` of one target each, whose ideal DCG is 1."""
    return expected(discounts(k), ranks.greater, ranks.group)


def ndcg_of_impressions(ranks: ImpressionRanks, k: int) -> Floats:
    """`[n]`; NaN for an impression without a click."""
    gained = ranks.sum_clicked(expected(discounts(k), ranks.greater, ranks.group))
    ideal = up_to(discounts(k))[np.minimum(ranks.clicks, k)]
    values: Floats = np.divide(gained, ideal, out=np.full(len(ideal), np.nan), where=ideal > 0)
    return values
