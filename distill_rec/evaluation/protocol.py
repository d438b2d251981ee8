"""The two protocols: a target among the full catalogue, and candidates of an impression; one value per sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.cautions import REPEATED
from distill_rec.data.dataset import Dataset, Impressions, Queries
from distill_rec.evaluation.catalogue import rank_in_ways, rank_targets, require_finite_items, require_finite_scores
from distill_rec.evaluation.metrics import CATALOGUE, IMPRESSIONS, rank_impressions
from distill_rec.evaluation.metrics.ranks import ImpressionRanks, TargetRanks
from distill_rec.evaluation.scorer import DotScorer, Scorer, scores_at

Samples = Queries | Impressions
Floats = NDArray[np.float64]

CHUNK_CANDIDATES = 1 << 16
"""Candidates of impressions scored at once."""


@dataclass(frozen=True)
class PerSample:
    """What one model gets on each sample.

    Attributes:
        user: int `[n]`.
        target_clicks: training clicks of the target `[n]`; for impressions the mean over the clicked candidates
            (NaN without a click).
        values: per metric `[n]`; NaN where a sample has none (an impression with no click or only clicks).
    """

    user: NDArray[np.int64]
    target_clicks: Floats
    values: dict[str, Floats]

    def __len__(self) -> int:
        return len(self.user)


def evaluate(
    scorer: Scorer, samples: Samples, dataset: Dataset, *, among_new: bool = False, leave_out_seen: bool = True
) -> PerSample:
    """All metrics of a model on each sample.

    Args:
        scorer: the model.
        samples: queries (full catalogue, excluded items left out) or impressions.
        dataset: where the training clicks and the new items are read.
        among_new: rank queries' targets among the new items alone.
        leave_out_seen: whether items that the user had seen are left out of the ranking of queries.

    Raises:
        DataError: a score is not finite.
    """
    if isinstance(samples, Queries):
        pool = np.asarray(dataset.new) if among_new else _everything(scorer, dataset)
        return _of_targets(rank_targets(scorer, samples, pool, leave_out_seen=leave_out_seen), samples, dataset)
    user = np.asarray(samples.user, dtype=np.int64)
    clicks = np.asarray(dataset.train_clicks, dtype=np.float64)
    ranks = rank_impressions_of(scorer, samples)
    both = (ranks.clicks > 0) & (ranks.clicks < ranks.shown)
    values = {name: np.where(both, m.values(ranks), np.nan) for name, m in IMPRESSIONS.items()}
    total = ranks.sum_clicked(clicks[samples.candidates.values])
    target = np.divide(total, ranks.clicks, out=np.full(len(user), np.nan), where=ranks.clicks > 0)
    return PerSample(user, target, values)


def evaluate_both(scorer: Scorer, samples: Queries, dataset: Dataset) -> tuple[PerSample, PerSample]:
    """`evaluate` with seen items left out, and with all items ranked."""
    left_out, every = rank_in_ways(scorer, samples, [True, False], _everything(scorer, dataset))
    return _of_targets(left_out, samples, dataset), _of_targets(every, samples, dataset)


def _everything(scorer: Scorer, dataset: Dataset) -> NDArray[np.bool_] | None:
    """All items as a pool, for a model that has no item vectors to tell them."""
    return None if isinstance(scorer, DotScorer) else np.ones(dataset.n_items, dtype=np.bool_)


def _of_targets(ranks: TargetRanks, samples: Queries, dataset: Dataset) -> PerSample:
    clicks = np.asarray(dataset.train_clicks, dtype=np.float64)
    values = {name: metric.values(ranks) for name, metric in CATALOGUE.items()}
    return PerSample(np.asarray(samples.user, dtype=np.int64), clicks[samples.target], values)


def rank_impressions_of(scorer: Scorer, samples: Impressions) -> ImpressionRanks:
    """Score the candidates of each impression and rank them."""
    if isinstance(scorer, DotScorer):
        require_finite_items(scorer)
    offsets = np.asarray(samples.candidates.offsets)
    scores = np.empty(int(offsets[-1]), dtype=np.float32)
    start = 0
    while start < len(samples):
        stop = max(start + 1, int(np.searchsorted(offsets, offsets[start] + CHUNK_CANDIDATES, side="right")) - 1)
        rows = np.arange(start, stop)
        candidates = samples.candidates.take(rows)
        found = np.asarray(scores_at(scorer, samples, rows, candidates), dtype=np.float32)
        if not np.isfinite(found).all():
            row = int(np.searchsorted(candidates.offsets, np.argmin(np.isfinite(found)), side="right")) - 1
            require_finite_scores(scorer, np.full((1, 1), np.nan, np.float32), start + row)
        scores[int(offsets[start]) : int(offsets[stop])] = found
        start = stop
    return rank_impressions(scores, samples.labels.values, offsets, scorer.name)


def user_means(user: NDArray[np.int64], values: Floats) -> Floats:
    """Mean over each user's samples that have a value; users without any are left out. `[n_users]`"""
    kept = ~np.isnan(values)
    found, number = np.unique(user[kept], return_inverse=True)
    return np.bincount(number, weights=values[kept], minlength=len(found)) / np.maximum(
        np.bincount(number, minlength=len(found)), 1
    )


def validation_ranks_seen(scorer: Scorer, dataset: Dataset) -> bool:
    """Whether validation ranks all items, seen ones too.

    It does for a model with a repeat term where more than a tenth of the targets repeat: what the term says of seen
    items is what such a model is for there, and with seen items left out nothing would see it go wrong. Elsewhere seen
    items are left out as they always were, so that models with and without the term stop by the same figure. Models
    that are compared by it must be asked in one way: decide once, for all of them.
    """
    return isinstance(scorer, DotScorer) and scorer.repeat is not None and targets_repeat(dataset)


def targets_repeat(dataset: Dataset) -> bool:
    """Whether more than a tenth of the targets had been clicked before."""
    return (dataset.repeated_targets or 0.0) > REPEATED


def validation_means(
    scorer: Scorer, samples: Samples, dataset: Dataset, *, leave_out_seen: bool | None = None
) -> Floats:
    """Mean nDCG@10 of each user that has a value, in the order of the users. `[n_users]`

    Args:
        leave_out_seen: as `validation_ranks_seen` decides where not given.
    """
    if leave_out_seen is None:
        leave_out_seen = not validation_ranks_seen(scorer, dataset)
    per_sample = evaluate(scorer, samples, dataset, leave_out_seen=leave_out_seen)
    return user_means(per_sample.user, per_sample.values["ndcg@10"])


def validation_metric(
    scorer: Scorer, samples: Samples, dataset: Dataset, *, leave_out_seen: bool | None = None
) -> float:
    """Mean over users of nDCG@10: what training stops by. Zero where no sample has a value."""
    means = validation_means(scorer, samples, dataset, leave_out_seen=leave_out_seen)
    return float(means.mean()) if len(means) else 0.0
