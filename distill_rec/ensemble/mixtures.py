"""Weighted sums of several teachers' scores on validation samples, to fit the weights by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.dataset import Dataset, Impressions, Queries
from distill_rec.data.ragged import Ragged
from distill_rec.evaluation.protocol import targets_repeat, validation_metric
from distill_rec.evaluation.scorer import DotScorer, Scorer, catalogue_scores
from distill_rec.knowledge import Knowledge, joined_repeat, known_by
from distill_rec.nn.recommender import user_vectors
from distill_rec.nn.side_by_side import joined

Floats = NDArray[np.float64]

BLOCK_BYTES = 64 << 20


@dataclass(frozen=True)
class Block:
    """Scores of some samples' candidates.

    Attributes:
        scores: float32 `[models, n, candidates]`.
        out: bool `[n, candidates]`, what is no candidate.
        clicked: bool `[n, candidates]`.
    """

    scores: NDArray[np.float32]
    out: NDArray[np.bool_]
    clicked: NDArray[np.bool_]


def cross_entropy(blocks: Iterator[Block], weights: Floats) -> tuple[float, Floats]:
    """Mean over clicks of minus the log softmax of the weighted sum of scores, and its gradient by the weights."""
    total, slope, clicks = 0.0, np.zeros(len(weights)), 0
    for block in blocks:
        mixed = np.tensordot(weights.astype(np.float32), block.scores, 1)
        mixed[block.out] = -np.inf
        mixed -= mixed.max(axis=1, keepdims=True)
        chance = np.exp(mixed)
        normal = chance.sum(axis=1, keepdims=True)
        chance /= normal
        count = block.clicked.sum(axis=1)
        total += float((count * np.log(normal[:, 0])).sum() - mixed[block.clicked].sum())
        excess = chance * count[:, None] - block.clicked
        slope += block.scores.reshape(len(weights), -1) @ excess.ravel().astype(np.float32)
        clicks += int(count.sum())
    return total / max(clicks, 1), slope / max(clicks, 1)


def usable(members: Sequence[Knowledge], dataset: Dataset) -> NDArray[np.int64]:
    """Validation samples whose target, or some clicked and some other candidate, all teachers know."""
    known, samples = _known(members, dataset), dataset.validation
    if isinstance(samples, Queries):
        return np.flatnonzero(known[np.asarray(samples.target)])
    shown = known[samples.candidates.values]
    row = np.repeat(np.arange(len(samples)), samples.candidates.lengths)
    clicked = np.bincount(row[shown & (samples.labels.values > 0)], minlength=len(samples))
    others = np.bincount(row[shown & (samples.labels.values == 0)], minlength=len(samples))
    return np.flatnonzero((clicked > 0) & (others > 0))


def _known(members: Sequence[Knowledge], dataset: Dataset) -> NDArray[np.bool_]:
    every = np.ones(dataset.n_items, dtype=np.bool_)
    for one in members:
        every &= True if one.knows is None else np.asarray(one.knows)
    return every


class Mixtures:
    """Weighted sums of teachers' scores on some validation samples; each one's user vectors are computed once.

    Args:
        rows: of the validation samples.
    """

    def __init__(self, members: Sequence[Knowledge], dataset: Dataset, rows: NDArray[np.int64]) -> None:
        self._members, self._dataset = members, dataset
        self._samples = dataset.validation.take(rows)
        self._history = self._samples.history.take(np.arange(len(rows)))
        users = [user_vectors(one.user_encoder, self._history, one.item_vectors) for one in members]
        self._each = [
            DotScorer(f"teacher {number}", np.asarray(one.item_vectors, dtype=np.float32), _in_order(own), one.repeat)
            for number, (one, own) in enumerate(zip(members, users, strict=True))
        ]
        self._users = users
        self._leave_out_seen = leaves_out_seen(members, dataset)
        self._known, self._tables = _known(members, dataset), known_by(members)

    def ndcg(self, weights: Floats) -> float:
        """nDCG@10 by the protocol that trainings are validated by."""
        factors = weights.tolist()
        users = np.concatenate([one * factor for one, factor in zip(self._users, factors, strict=True)], axis=1)
        items = joined([one.item_vectors for one in self._each], self._tables, factors)
        scorer = DotScorer("sum of teachers", items, _in_order(users), joined_repeat(self._members, factors))
        return validation_metric(scorer, self._samples, self._dataset, leave_out_seen=self._leave_out_seen)

    def blocks(self) -> Iterator[Block]:
        """The scores of each, in blocks of bounded size; to be read to the end before they are asked for again."""
        samples, count = self._samples, len(self._samples)
        wide = self._dataset.n_items if isinstance(samples, Queries) else int(samples.candidates.lengths.max())
        step = max(1, BLOCK_BYTES // (4 * wide * len(self._users)))
        for start in range(0, count, step):
            rows = np.arange(start, min(start + step, count))
            history = self._history.take(rows)
            if isinstance(samples, Queries):
                yield _of_queries(samples, rows, self._each, history, self._known)
            else:
                yield _of_impressions(samples, rows, self._each, history, self._known)


def leaves_out_seen(members: Sequence[Knowledge], dataset: Dataset) -> bool:
    """Whether validation leaves seen items out, decided once for all sums of these teachers."""
    return all(one.repeat is None for one in members) or not targets_repeat(dataset)


def _in_order(users: NDArray[np.float32]) -> Callable[[Ragged], NDArray[np.float32]]:
    """User vectors that were computed before, of samples that are asked for in their order, from first to last."""
    place = 0

    def take(history: Ragged) -> NDArray[np.float32]:
        nonlocal place
        place = 0 if place >= len(users) else place
        place += len(history)
        return np.asarray(users[place - len(history) : place], dtype=np.float32)

    return take


def _of_queries(
    samples: Queries, rows: NDArray[np.int64], each: Sequence[Scorer], history: Ragged, known: NDArray[np.bool_]
) -> Block:
    """Candidates are the items that all teachers know and the user has not seen."""
    scores = np.stack([catalogue_scores(one, history, len(known)) for one in each])
    seen = samples.excluded(rows)
    out = np.broadcast_to(~known, scores.shape[1:]).copy()
    out[np.repeat(np.arange(len(rows)), seen.lengths), seen.values] = True
    clicked = np.zeros_like(out)
    clicked[np.arange(len(rows)), np.asarray(samples.target)[rows]] = True
    return Block(scores, out & ~clicked, clicked)


def _of_impressions(
    samples: Impressions, rows: NDArray[np.int64], each: Sequence[Scorer], history: Ragged, known: NDArray[np.bool_]
) -> Block:
    """Candidates are those shown that all teachers know."""
    candidates = samples.candidates.take(rows)
    shown, mask = candidates.padded()
    labels, _ = samples.labels.take(rows).padded()
    scores = np.zeros((len(each), *shown.shape), dtype=np.float32)
    for its, one in zip(scores, each, strict=True):
        its[mask] = one.scores(history, candidates)
    out = ~mask | ~known[shown]
    return Block(scores, out, (labels > 0) & ~out)
