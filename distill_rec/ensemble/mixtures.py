"""Weighted sums of several teachers' scores on validation samples, to fit the weights by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from distill_rec.artifact.repeat import BUCKETS, buckets_at, repeated
from distill_rec.data.dataset import Dataset, Impressions, Queries
from distill_rec.ensemble.blocks import Block, OfImpressions, OfQueries, Weights
from distill_rec.evaluation.catalogue import Products
from distill_rec.evaluation.protocol import targets_repeat, user_means
from distill_rec.evaluation.scorer import DotScorer
from distill_rec.knowledge import Knowledge, joined_repeat, known_by
from distill_rec.nn.recommender import user_vectors
from distill_rec.nn.side_by_side import lengths
from distill_rec.progress import QuietTask, Task

Floats = NDArray[np.float64]

KEPT_BYTES = 512 << 20
"""Scores that are kept for all passes; where all take more, those of a block at a time are computed in each pass."""
PRODUCT_BYTES = 64 << 20
"""Scores that are computed at once."""
MIXED_BYTES = 512 << 10
"""Of one mixture of a block's scores: as long as it is worked on it stays in cache."""


def usable(members: Sequence[Knowledge], dataset: Dataset) -> NDArray[np.int64]:
    """Validation samples whose target, or some clicked and some other candidate, all teachers know."""
    known, samples = np.asarray(known_by(members).all(axis=1)), dataset.validation
    if isinstance(samples, Queries):
        return np.flatnonzero(known[np.asarray(samples.target)])
    shown = known[samples.candidates.values]
    row = np.repeat(np.arange(len(samples)), samples.candidates.lengths)
    clicked = np.bincount(row[shown & (samples.labels.values > 0)], minlength=len(samples))
    others = np.bincount(row[shown & (samples.labels.values == 0)], minlength=len(samples))
    return np.flatnonzero((clicked > 0) & (others > 0))


class Mixtures:
    """Weighted sums of teachers' scores on some validation samples; what no weight changes is computed once.

    Args:
        rows: of the validation samples.
        kept_bytes: most bytes of scores that are kept; see `KEPT_BYTES`.
        task: advances by the samples of each pass.
    """

    def __init__(
        self,
        members: Sequence[Knowledge],
        dataset: Dataset,
        rows: NDArray[np.int64],
        *,
        kept_bytes: int = KEPT_BYTES,
        task: Task | None = None,
    ) -> None:
        self._members, self._task = members, task or QuietTask()
        self._samples = dataset.validation.take(rows)
        self._history = self._samples.history.take(np.arange(len(rows)))
        self._known = known_by(members)
        self._known_by_all = np.asarray(self._known.all(axis=1))
        self._leave_out_seen = leaves_out_seen(members, dataset)
        self._repeats = np.stack([np.zeros(BUCKETS, np.float32) if m.repeat is None else m.repeat for m in members])
        self._each = [self._scorer(number) for number in range(len(members))]
        self._users = [one.user_vectors(self._history) for one in self._each]
        asked = self._samples
        self._width = dataset.n_items if isinstance(asked, Queries) else int(asked.candidates.lengths.max())
        self._keep = 4 * self._width * len(rows) * len(members) <= kept_bytes
        self._kept: list[Block] | None = None

    def ndcg(self, weights: Sequence[Floats]) -> list[float]:
        """Of several weights each one's nDCG@10 in one pass, by the protocol that trainings are validated by."""
        return [float(one.mean()) if len(one) else 0.0 for one in self.ndcg_of_users(weights)]

    def ndcg_of_users(self, weights: Sequence[Floats]) -> list[Floats]:
        """The same of each user, `[n_users]`."""
        each = [self._weights(one) for one in weights]
        values = np.concatenate([[block.ndcg(one) for one in each] for block in self.blocks()], axis=1)
        return [user_means(np.asarray(self._samples.user), one) for one in values]

    def cross_entropy(self, weights: Floats) -> tuple[float, Floats]:
        """Mean over clicks of minus the log softmax of the sum, and its gradient by the weights.

        Candidates are the items that all teachers know, of a catalogue those that the user has not seen.
        """
        total, slope, clicks = 0.0, np.zeros(len(weights)), 0
        for block in self.blocks():
            surprise, its_slope = block.surprise(self._weights(weights), self._repeats)
            total, slope, clicks = total + surprise, slope + its_slope, clicks + len(block.clicked)
        return total / max(clicks, 1), slope / max(clicks, 1)

    def blocks(self) -> Iterator[Block]:
        """One pass over the samples."""
        if self._kept is not None:
            for block in self._kept:
                yield block
                self._task.advance(len(block))
            return
        kept = []
        for block in self._computed():
            yield block
            self._task.advance(len(block))
            if self._keep:
                kept.append(block)
        self._kept = kept if self._keep else None

    def _computed(self) -> Iterator[Block]:
        count, samples = len(self._samples), self._samples
        many = max(1, PRODUCT_BYTES // (4 * self._width * len(self._each)))
        few = max(1, MIXED_BYTES // (4 * self._width))
        for start in range(0, count, many):
            rows = np.arange(start, min(start + many, count))
            scores = self._of_catalogue(rows) if isinstance(samples, Queries) else self._of_shown(samples, rows)
            for first in range(0, len(rows), few):
                part = slice(first, first + few)
                if isinstance(samples, Queries):
                    yield self._queries(samples, rows[part], scores[:, part])
                else:
                    yield self._impressions(samples, rows[part], scores[:, part])

    def _of_catalogue(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        scores = np.empty((len(self._each), len(rows), self._width), dtype=np.float32)
        for its, one, users in zip(scores, self._products, self._users, strict=True):
            one.fill(its, users[rows], self._history.take(rows), int(rows[0]))
        return scores

    def _of_shown(self, samples: Impressions, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        candidates = samples.candidates.take(rows)
        mask = np.arange(self._width) < candidates.lengths[:, None]
        scores = np.zeros((len(self._each), *mask.shape), dtype=np.float32)
        for its, one, users in zip(scores, self._each, self._users, strict=True):
            its[mask] = _of_users(one, users[rows]).scores(self._history.take(rows), candidates)
        return scores

    @cached_property
    def _products(self) -> list[Products]:
        return [Products(one, None) for one in self._each]

    def _queries(self, samples: Queries, rows: NDArray[np.int64], scores: NDArray[np.float32]) -> Block:
        history, seen = self._history.take(rows), samples.excluded(rows)
        first = np.arange(len(rows)) * self._width
        out = np.unique(np.repeat(first, seen.lengths) + seen.values)
        row, item, bucket = repeated(history.values, history.offsets)
        return OfQueries(
            scores=scores,
            items=np.arange(self._width, dtype=np.int32)[None],
            clicked=first + np.asarray(samples.target)[rows],
            out=out,
            unknown=~self._known_by_all[None],
            repeated=first[row] + item,
            bucket=bucket,
            left_out=out if self._leave_out_seen else out[:0],
        )

    def _impressions(self, samples: Impressions, rows: NDArray[np.int64], scores: NDArray[np.float32]) -> Block:
        history, candidates, labels = self._history.take(rows), samples.candidates.take(rows), samples.labels.take(rows)
        shown = np.arange(self._width) < candidates.lengths[:, None]
        items, clicked = np.zeros(shown.shape, np.int32), np.zeros(shown.shape, np.bool_)
        items[shown], clicked[shown] = candidates.values, labels.values > 0
        unknown = ~self._known_by_all[items]
        row = np.repeat(np.arange(len(rows)), candidates.lengths)
        bucket = buckets_at(history.values, history.offsets, row, candidates.values)
        return OfImpressions(
            scores=scores,
            items=items,
            clicked=np.flatnonzero(clicked & ~unknown),
            out=np.flatnonzero(~shown),
            unknown=unknown,
            repeated=np.flatnonzero(shown)[bucket < BUCKETS],
            bucket=bucket[bucket < BUCKETS],
            shown=shown,
            labels=np.asarray(labels.values),
        )

    def _scorer(self, number: int) -> DotScorer:
        """A teacher without its repeat term."""
        one = self._members[number]
        items = np.asarray(one.item_vectors, dtype=np.float32)
        items = items if one.knows is None else np.where(self._known[:, number, None], items, np.float32(0))
        return DotScorer(
            f"teacher {number}", items, lambda history: user_vectors(one.user_encoder, history, one.item_vectors)
        )

    def _weights(self, weights: Floats) -> Weights:
        each, stretch = weights.astype(np.float32), None
        if not self._known.all():
            stretch = lengths(torch.from_numpy(self._known), torch.from_numpy(each)).numpy().astype(np.float32)
        repeat = joined_repeat(self._members, weights.tolist())
        return Weights(each, np.zeros(BUCKETS, np.float32) if repeat is None else repeat, stretch)


def _of_users(scorer: DotScorer, users: NDArray[np.float32]) -> DotScorer:
    """The same, its user vectors known before."""
    return replace(scorer, user_vectors=lambda _: users)


def leaves_out_seen(members: Sequence[Knowledge], dataset: Dataset) -> bool:
    """Whether validation leaves seen items out, decided once for all sums of these teachers."""
    return all(one.repeat is None for one in members) or not targets_repeat(dataset)
