"""How alike two models rank: pure functions of their scores or lists."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from distill_rec.evaluation.explained import Explained
from distill_rec.runtime.topk import near_best

Scores = NDArray[np.float32]
Items = NDArray[np.int64]

TOP = 10
DEPTH = 100
PERSISTENCE = 0.9
"""RBO's p: the first ten places have 86 % of the weight (Webber et al. 2010, section 4.3)."""


def first_of(scores: Scores, k: int) -> Items:
    """The k best, highest first, equal scores by place; what is -inf is in no list, so that it may be shorter."""
    rows = near_best(scores, min(k, len(scores))) if len(scores) else np.empty(0, np.int64)
    return rows[np.argsort(-scores[rows], kind="stable")[:k]]


def overlap(ours: Items, theirs: Items) -> float:
    """Share of the longer list that both hold; NaN of two empty ones."""
    longest = max(len(ours), len(theirs))
    return len(np.intersect1d(ours, theirs)) / longest if longest else np.nan


def rbo(ours: Items, theirs: Items, p: float = PERSISTENCE) -> float:
    """Rank-biased overlap of the common depth, extrapolated (Webber, Moffat and Zobel 2010, eq. 30); 1 for equal lists.

    NaN where a list is empty.
    """
    depth = min(len(ours), len(theirs))
    if not depth:
        return np.nan
    _, first, second = np.intersect1d(ours[:depth], theirs[:depth], assume_unique=True, return_indices=True)
    joint = np.bincount(np.maximum(first, second), minlength=depth).cumsum()
    agreed = joint / np.arange(1, depth + 1)
    weights = (1 - p) * p ** np.arange(depth)
    return float(agreed @ weights + agreed[-1] * p**depth)


def tau(a: Scores, b: Scores) -> float:
    """Kendall's tau-b of two short lists of scores; NaN where all of one are equal, which is no order."""
    if len(a) < 3:  # of two the library divides by zero
        return float(np.sign(a[0] - a[1]) * np.sign(b[0] - b[1]) or np.nan) if len(a) == 2 else np.nan
    return float(kendalltau(a, b, method="asymptotic").statistic)  # the method is that of a p-value, which is not read


def pearson(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Correlation of two rows of scores; NaN where all of one are equal, or there are fewer than three."""
    if len(a) < 3:
        return np.nan
    x, y = a - a.mean(dtype=np.float64), b - b.mean(dtype=np.float64)
    length = np.sqrt((x @ x) * (y @ y))
    return float(np.clip((x @ y) / length, -1, 1)) if length > 0 else np.nan


def ranks_of(scores: Scores) -> NDArray[np.float64]:
    """Ranks from 1 for the lowest, ties at their mean, `[n]`."""
    order = np.argsort(scores)
    ordered = scores[order]
    first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if len(scores) else order
    sizes = np.diff(np.append(first, len(scores)))
    out = np.empty(len(scores))
    out[order] = np.repeat(first + (sizes + 1) / 2, sizes)
    return out


def spearman(a: Scores, b: Scores) -> float:
    """Correlation of their ranks, ties at their mean."""
    return pearson(ranks_of(a), ranks_of(b))


@dataclass(frozen=True)
class Ranked:
    """One user's scores of the whole catalogue, with what every comparison reads of them, computed once.

    Attributes:
        scores: `[n_items]`; -inf where an item is left out, or has no score.
        correlated: the items of the correlations.
    """

    scores: Scores
    correlated: Items | slice

    @cached_property
    def first(self) -> Items:
        """The best, as `first_of` gives them, to the depth of the lists that are compared."""
        return first_of(self.scores, DEPTH)

    @cached_property
    def there(self) -> NDArray[np.bool_]:
        """Which of `correlated` have a score."""
        return np.isfinite(self.scores[self.correlated])

    @cached_property
    def ranks(self) -> NDArray[np.float64]:
        """Of those that have a score."""
        return ranks_of(self.scores[self.correlated][self.there])


AGREEMENT = {
    "overlap@10": Explained("overlap@10", "share of the first 10 that both list"),
    "rbo": Explained(
        "RBO", "rank-biased overlap, p = 0.9: as overlap, the first places weigh most; 1 is the same list"
    ),
    "kendall": Explained(
        "Kendall's τ", "order of pairs among what either ranks first: 1 the same, 0 none, −1 reversed"
    ),
    "pearson": Explained("Pearson's r", "whether scores rise together, in a line, over all that is ranked"),
    "spearman": Explained("Spearman's ρ", "the same of ranks in the place of scores"),
}
"""In the order of a table; every one is of a user (an impression) first, then a mean over users."""


def of_catalogue(a: Ranked, b: Ranked) -> dict[str, float]:
    """Every measure of two models; NaN where either ranks nothing.

    Kendall's tau is over the union of both models' first 100, the correlations over `correlated`.
    """
    if not len(a.first) or not len(b.first):
        return dict.fromkeys(AGREEMENT, np.nan)
    both = a.there & b.there
    x, y = (one.scores[one.correlated][both] for one in (a, b))
    ranks = (a.ranks, b.ranks) if np.array_equal(a.there, b.there) else (ranks_of(x), ranks_of(y))
    return _of_lists(a.scores, b.scores, a.first, b.first, np.union1d(a.first, b.first)) | {
        "pearson": pearson(x, y),
        "spearman": pearson(*ranks),
    }


def of_candidates(a: Scores, b: Scores) -> dict[str, float]:
    """Every measure of two rows of scores of an impression's candidates; overlap where there are more than 10."""
    both = np.isfinite(a) & np.isfinite(b)
    found = _of_lists(a, b, first_of(a, len(a)), first_of(b, len(b)), np.arange(len(a)))
    found |= {"pearson": pearson(a[both], b[both]), "spearman": spearman(a[both], b[both])}
    return found if len(a) > TOP else found | {"overlap@10": np.nan}


def _of_lists(a: Scores, b: Scores, ours: Items, theirs: Items, either: Items) -> dict[str, float]:
    """Agreement of the best, and of the order of `either`."""
    either = either[np.isfinite(a[either]) & np.isfinite(b[either])]
    return {
        "overlap@10": overlap(ours[:TOP], theirs[:TOP]),
        "rbo": rbo(ours, theirs),
        "kendall": tau(a[either], b[either]),
    }
