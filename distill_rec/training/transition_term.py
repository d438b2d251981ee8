"""The transition term of a trained model: who followed whom is counted, how much it counts is fitted.

Counted like the item-to-item recommenders of sessions: pairs of training clicks of one user, the later the fewer clicks
lie between (Garg et al. 2019, "Sequence and Time Aware Neighborhood for Session-based Recommendations", 3.2, weigh both
sides likewise), by the square root of how often either item was clicked (the cosine of Sarwar et al. 2001, 3.1.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from distill_rec.artifact.transition import FADE, TransitionTerm
from distill_rec.data.dataset import Dataset, Queries, Sequences
from distill_rec.data.slices import whole
from distill_rec.evaluation.protocol import evaluate, user_means, validation_ranks_seen
from distill_rec.evaluation.scorer import DotScorer, Scorer, one_after_the_other
from distill_rec.progress import Progress, Quiet, Task

GAPS = 5
"""Clicks on from one that still count as its followers."""
PRIOR = 10
"""Clicks that every item is given: two that were clicked once each, one after the other, are no certain pair."""
FOLLOWERS = 20
"""Kept of each item."""
FACTORS = (1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0)
"""That validation data choose among."""
SAMPLES = 5000
"""Validation samples that are looked at."""
SURE = 1.645
"""Standard errors that a gain is above zero: one by chance is as large in 1 of 20 cases."""

Indices = NDArray[np.int64]


def count_transitions(dataset: Dataset) -> TransitionTerm:
    """The likeliest followers of each item in the training clicks, at a factor of 1.

    Of a pair (i, j) the value is the sum of e^(-(g-1)/`FADE`) over the times that j was clicked g ≤ `GAPS` clicks after
    i, over the square root of (clicks of i + `PRIOR`)·(clicks of j + `PRIOR`). An item is no follower of itself: that
    is the repeat term's.

    Args:
        dataset: with training clicks of users (`Sequences`).
    """
    assert isinstance(dataset.train, Sequences)
    clicks, n_items = whole(dataset.train.items), dataset.n_items
    items = np.asarray(clicks.values, dtype=np.int64)
    user = np.repeat(np.arange(len(clicks)), clicks.lengths)
    counts = csr_matrix((n_items, n_items), dtype=np.float32)
    for weight, before, after in _pairs(items, user):
        numbers = np.full(len(before), weight, dtype=np.float32)
        counts += csr_matrix((numbers, (before, after)), shape=counts.shape)
    return _likeliest(counts, np.asarray(dataset.train_clicks, dtype=np.float64) + PRIOR)


def _pairs(items: Indices, user: Indices) -> Iterator[tuple[float, Indices, Indices]]:
    """Of each distance its weight, and the items of both clicks."""
    for gap in range(1, GAPS + 1):
        before, after = items[:-gap], items[gap:]
        kept = (user[:-gap] == user[gap:]) & (before != after)
        yield float(np.exp(-(gap - 1) / FADE)), before[kept], after[kept]


def _likeliest(counts: csr_matrix, clicks: NDArray[np.float64]) -> TransitionTerm:
    counts.sum_duplicates()
    before = np.repeat(np.arange(len(clicks)), np.diff(counts.indptr))
    values = (counts.data / np.sqrt(clicks[before] * clicks[counts.indices])).astype(np.float32)
    order = np.lexsort((counts.indices, -values, before))
    place = np.arange(len(order)) - counts.indptr[before]
    kept = place < FOLLOWERS
    shape = len(clicks), int(place[kept].max(initial=-1)) + 1
    out = TransitionTerm(np.zeros(shape, np.int32), np.zeros(shape, np.float32), 1.0)
    out.items[before[kept], place[kept]] = counts.indices[order][kept]
    out.values[before[kept], place[kept]] = values[order][kept]
    return out


def fit_transitions(
    scorer: DotScorer,
    dataset: Dataset,
    counted: TransitionTerm | None = None,
    *,
    only_if_sure: bool = True,
    progress: Progress | None = None,
) -> TransitionTerm | None:
    """The term at the factor whose gain on validation data is surest, beside a model's scores.

    That is the one whose mean gain over the samples, less its standard error, is largest: where samples are few, a
    factor that throws nDCG@10 about has to gain more. Samples and not users, as those with one or two are noise where
    others have hundreds.

    Args:
        scorer: the model, without the term.
        counted: what `count_transitions` gives, where the caller has it.
        only_if_sure: leave it out where it is not worth its table: where its gain cannot be told from zero, or is none
            on the mean over users.
        progress: where it is told, by the name of the scorer.

    Returns:
        None where it is left out, or there are no validation queries.
    """
    samples = dataset.validation
    if not isinstance(samples, Queries) or not isinstance(dataset.train, Sequences) or not len(samples):
        return None
    if len(samples) > SAMPLES:
        samples = samples.take(np.sort(np.random.default_rng(0).choice(len(samples), SAMPLES, replace=False)))
    term = count_transitions(dataset) if counted is None else counted
    users = scorer.user_vectors(samples.history.take(np.arange(len(samples))))
    left_out = not validation_ranks_seen(scorer, dataset)

    def ranked(tried: TransitionTerm | None, task: Task) -> NDArray[np.float64]:
        known = replace(scorer, user_vectors=one_after_the_other(users), transitions=tried)
        found = evaluate(known, samples, dataset, leave_out_seen=left_out).values["ndcg@10"]
        task.advance()
        return found

    with (progress or Quiet()).task(f"{scorer.name}: what follows what", 1 + len(FACTORS)) as task:
        without = ranked(None, task)
        gains = {factor: ranked(replace(term, factor=factor), task) - without for factor in FACTORS}
    errors = {factor: gain.std() / np.sqrt(len(gain)) for factor, gain in gains.items()}
    best = max(gains, key=lambda factor: gains[factor].mean() - errors[factor])
    over_users = user_means(np.asarray(samples.user, np.int64), gains[best]).mean()
    sure = gains[best].mean() > SURE * errors[best] and over_users > 0
    return replace(term, factor=best) if sure or not only_if_sure else None


def with_transitions(
    scorers: Mapping[str, Scorer], dataset: Dataset, progress: Progress | None = None
) -> dict[str, Scorer]:
    """Models of vectors with the term, each at its own factor: teachers beside a student that has it.

    They have it whether or not its gain is sure: what is asked of them is what they know, not whether to serve a table.
    Models that score in ways of their own stay as they are.
    """
    counted = count_transitions(dataset)

    def fitted(scorer: Scorer) -> Scorer:
        if not isinstance(scorer, DotScorer):
            return scorer
        return replace(
            scorer, transitions=fit_transitions(scorer, dataset, counted, only_if_sure=False, progress=progress)
        )

    return {name: fitted(scorer) for name, scorer in scorers.items()}
