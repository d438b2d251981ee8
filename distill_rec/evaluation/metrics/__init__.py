"""Metrics: each gives one value per sample, so that pairing and intervals come free.

The registries say which metrics a protocol shows, in the order of the table. To add one, write its function in
a file of its own and add a line here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from distill_rec.evaluation.metrics.auc import auc
from distill_rec.evaluation.metrics.mrr import mrr, mrr_first_hit, mrr_mind
from distill_rec.evaluation.metrics.ndcg import ndcg, ndcg_of_impressions
from distill_rec.evaluation.metrics.percentile import percentile
from distill_rec.evaluation.metrics.ranks import ImpressionRanks, TargetRanks, rank_impressions
from distill_rec.evaluation.metrics.recall import recall
from distill_rec.evaluation.metrics.ties import Floats

Ranks = TypeVar("Ranks", TargetRanks, ImpressionRanks)


@dataclass(frozen=True)
class Metric(Generic[Ranks]):
    """A named map from ranks to one value per sample.

    Attributes:
        title: as tables show it; where a name is used for several things in the field, it says which.
        chance: value of random scores, where it is not zero.
        values: `[n]`, NaN where a sample has no such value.
    """

    title: str
    values: Callable[[Ranks], Floats]
    chance: float = 0.0


CATALOGUE: dict[str, Metric[TargetRanks]] = {
    "ndcg@10": Metric("nDCG@10", lambda ranks: ndcg(ranks, 10)),
    "recall@10": Metric("recall@10", lambda ranks: recall(ranks, 10)),
    "recall@100": Metric("recall@100", lambda ranks: recall(ranks, 100)),
    "mrr": Metric("MRR", mrr),
    "percentile": Metric("rank percentile", percentile, chance=0.5),
}
"""One target, ranked among the full catalogue."""

IMPRESSIONS: dict[str, Metric[ImpressionRanks]] = {
    "auc": Metric("AUC", auc, chance=0.5),
    "mrr": Metric("MRR (MIND: mean over clicks)", mrr_mind),
    "mrr_first": Metric("MRR (first hit)", mrr_first_hit),
    "ndcg@5": Metric("nDCG@5", lambda ranks: ndcg_of_impressions(ranks, 5)),
    "ndcg@10": Metric("nDCG@10", lambda ranks: ndcg_of_impressions(ranks, 10)),
}
"""Candidates shown together, grouped by impression (the MIND protocol)."""

__all__ = [
    "CATALOGUE",
    "IMPRESSIONS",
    "ImpressionRanks",
    "Metric",
    "TargetRanks",
    "auc",
    "mrr",
    "mrr_first_hit",
    "mrr_mind",
    "ndcg",
    "ndcg_of_impressions",
    "percentile",
    "rank_impressions",
    "recall",
]
