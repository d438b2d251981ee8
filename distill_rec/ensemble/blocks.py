"""Several teachers' scores of some samples' candidates, kept apart: any weights mix them without a product."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill_rec.artifact.repeat import BUCKETS
from distill_rec.evaluation.catalogue import above
from distill_rec.evaluation.metrics import ImpressionRanks, TargetRanks, ndcg, ndcg_of_impressions, rank_impressions
from distill_rec.evaluation.metrics.ties import Floats

Scores = NDArray[np.float32]
Places = NDArray[np.int64]

TOP = 10
"""Of nDCG."""


@dataclass(frozen=True)
class Weights:
    """What mixes scores.

    Attributes:
        each: float32 `[teachers]`.
        repeat: float32 `[BUCKETS]`, the weighted sum of the repeat terms.
        stretch: float32 `[n_items]`, factor of an item's sum where not all teachers know it
            (`distill_rec.nn.side_by_side.lengths`); None where all know all.
    """

    each: Scores
    repeat: Scores
    stretch: Scores | None = None


@dataclass(frozen=True)
class Block:
    """Candidates of some samples, few enough that a mixture of their scores stays in cache.

    Places count through `[n, candidates]`, row by row.

    Attributes:
        scores: float32 `[teachers, n, candidates]` without repeat terms; zero where a teacher does not know the item.
        items: `[n, candidates]`, or `[1, candidates]` where all samples have the same.
        clicked: places, by row.
        out: places that are no candidates to be likely.
        unknown: bool, of the shape of `items`: not known by all teachers, so no candidates to be likely either.
        repeated: places of items of the history.
        bucket: of their repeat terms.
    """

    scores: Scores
    items: NDArray[np.int32]
    clicked: Places
    out: Places
    unknown: NDArray[np.bool_]
    repeated: Places
    bucket: Places

    def __len__(self) -> int:
        return int(self.scores.shape[1])

    def mixed(self, weights: Weights) -> Scores:
        """The weighted sum of scores, `[n, candidates]`."""
        found: Scores = self.scores[0] * weights.each[0]
        for one, weight in zip(self.scores[1:], weights.each[1:], strict=True):
            found += one * weight
        if weights.stretch is not None:
            found *= weights.stretch[self.items]
        found.reshape(-1)[self.repeated] += weights.repeat[self.bucket]
        return found

    def surprise(self, weights: Weights, repeats: Scores) -> tuple[float, Floats]:
        """Minus the log softmax of the sum, added up over clicks, and its gradient by the weights.

        Args:
            repeats: the repeat term of each teacher, float32 `[teachers, BUCKETS]`.
        """
        mixed = self.mixed(weights)
        flat = mixed.reshape(-1)
        flat[self.out] = -np.inf
        np.copyto(mixed, -np.inf, where=self.unknown)
        mixed -= mixed.max(axis=1, keepdims=True)
        of_clicks = float(flat[self.clicked].sum(dtype=np.float64))
        clicks = np.bincount(self.clicked // mixed.shape[1], minlength=len(mixed))
        np.exp(mixed, out=mixed)
        normal = mixed.sum(axis=1, dtype=np.float32)
        mixed *= (clicks / normal).astype(np.float32)[:, None]
        flat[self.clicked] -= 1
        slope = np.array([one.reshape(-1) @ flat for one in self.scores], dtype=np.float64)
        slope += repeats @ np.bincount(self.bucket, flat[self.repeated], minlength=BUCKETS)
        return float(clicks @ np.log(normal, dtype=np.float64)) - of_clicks, slope

    def ndcg(self, weights: Weights) -> Floats:
        """`[n]` nDCG@10; NaN for a sample without a value."""
        raise NotImplementedError


@dataclass(frozen=True)
class OfQueries(Block):
    """One click a sample, among the catalogue.

    Attributes:
        left_out: places that its ranking leaves out, each once.
    """

    left_out: Places

    def ndcg(self, weights: Weights) -> Floats:
        """See `Block.ndcg`."""
        mixed = self.mixed(weights)
        width = mixed.shape[1]
        flat = mixed.reshape(-1)
        goal = flat[self.clicked]
        higher, no_lower = above(mixed, goal)
        row = self.left_out // width
        left_out = flat[self.left_out]
        higher -= np.bincount(row[left_out > goal[row]], minlength=len(mixed))
        no_lower -= np.bincount(row[left_out >= goal[row]], minlength=len(mixed))
        candidates = width - np.bincount(row, minlength=len(mixed))
        return ndcg(TargetRanks(higher, no_lower - higher - 1, candidates), TOP)


@dataclass(frozen=True)
class OfImpressions(Block):
    """Candidates that were shown together, padded.

    Attributes:
        shown: bool `[n, candidates]`, what is no padding.
        labels: of what was shown, one row after the other.
    """

    shown: NDArray[np.bool_]
    labels: NDArray[np.int8]

    def ndcg(self, weights: Weights) -> Floats:
        """See `Block.ndcg`."""
        offsets = np.concatenate([[0], np.cumsum(self.shown.sum(1))])
        ranks: ImpressionRanks = rank_impressions(self.mixed(weights)[self.shown], self.labels, offsets)
        both = (ranks.clicks > 0) & (ranks.clicks < ranks.shown)
        return np.where(both, ndcg_of_impressions(ranks, TOP), np.nan)
