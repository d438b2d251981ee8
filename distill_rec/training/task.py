"""What a training learns from and is judged by in the place of a data set's clicks: texts that belong together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from distill_rec.evaluation.metrics.ndcg import ndcg
from distill_rec.evaluation.metrics.ranks import TargetRanks
from distill_rec.nn.recommender import Recommender
from distill_rec.runtime.errors import TrainingError
from distill_rec.training.batches import Batches, ImpressionBatch, Indices

BLOCK = 512
LEAST_ROWS = 2
"""Of a batch: what is told from nothing teaches nothing."""


@dataclass(frozen=True)
class Judged:
    """What a validation found.

    Attributes:
        values: of each sample, `[n]`: the figure that the task is judged by.
        figures: further ones by name, noted beside its mean.
    """

    values: NDArray[np.float64]
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """Batches of a training and what judges it.

    Attributes:
        judge: of a model in evaluation mode.
        fingerprint: of what the batches and the judgement are made of.
        by: what the judge's values are called in the history.
    """

    batches: Batches
    judge: Callable[[Recommender], Judged]
    fingerprint: str
    by: str = "ndcg@10"


class TextBatches:
    """Rows of texts that belong together, as candidates of a batch without histories.

    Args:
        rows: text indices `[draws, n, width]`; epoch after epoch takes the next of the draws.
    """

    def __init__(self, rows: Indices, batch_size: int, seed: int) -> None:
        self.rows, self.batch_size, self.seed = rows, batch_size, seed
        whole, rest = divmod(rows.shape[1], batch_size)
        self.per_epoch = max(whole + (rest >= LEAST_ROWS), 1)

    def epoch(self, number: int) -> list[Indices]:
        draws, n, _ = self.rows.shape
        order = np.random.default_rng([self.seed, number]).permutation(n) + number % draws * n
        return [order[at : at + self.batch_size] for at in range(0, n, self.batch_size)][: self.per_epoch]

    def make(self, samples: Indices) -> ImpressionBatch:
        texts = self.rows.reshape(-1, self.rows.shape[2])[samples]
        nothing = np.zeros((len(texts), 0), np.int64)
        every = np.ones(texts.shape, np.bool_)
        return ImpressionBatch(nothing, nothing.astype(np.bool_), texts, every, ~every)


def centred_cosine(left: Tensor, right: Tensor) -> NDArray[np.float64]:
    """Cosine of each row of `left` with its own of `right`, once the mean of the latter is taken from both, `[n]`.

    Rows have length 1 before the mean is taken. Vectors of texts have much in common, which a model that gives each the
    same vector has too: such a one gets about zero here, where the plain cosine may be .9.

    Args:
        left, right: `[n, d]`.

    Raises:
        TrainingError: a vector is not finite.
    """
    _require_finite(left, right)
    left, right = functional.normalize(left, dim=1), functional.normalize(right, dim=1)
    mean = right.mean(0)
    found: NDArray[np.float64] = functional.cosine_similarity(left - mean, right - mean, dim=1).double().cpu().numpy()
    return found


def own_found(left: Tensor, right: Tensor, same: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """nDCG@10 of finding row i of `right` among its rows by the cosine with row i of `left`, `[n]`.

    Args:
        left, right: `[n, d]`.
        same: bool `[n, n]`, pairs of rows that are no rivals of each other, as equal texts are; none where not given.

    Raises:
        TrainingError: a vector is not finite.
    """
    _require_finite(left, right)
    left, right = functional.normalize(left, dim=1), functional.normalize(right, dim=1)
    greater, ties = np.empty(len(left), np.int64), np.empty(len(left), np.int64)
    for at in range(0, len(left), BLOCK):
        scores = (left[at : at + BLOCK] @ right.t()).cpu().numpy()
        row = np.arange(len(scores))
        own = scores[row, at + row][:, None].copy()
        if same is not None:
            scores[same[at : at + BLOCK]] = -np.inf
        scores[row, at + row] = -np.inf
        greater[at : at + BLOCK], ties[at : at + BLOCK] = (scores > own).sum(1), (scores == own).sum(1)
    return ndcg(TargetRanks(greater, ties, np.full(len(left), len(right))), 10)


def _require_finite(left: Tensor, right: Tensor) -> None:
    if not (torch.isfinite(left).all() and torch.isfinite(right).all()):
        do = "Look for a loss that diverged, or a damaged weight file."
        raise TrainingError("items held out", "a vector that is not finite", "finite vectors", do)
