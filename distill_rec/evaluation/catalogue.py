"""Rank one target a query among all items: blocks of queries, one matrix product each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.dataset import Queries
from distill_rec.data.ragged import Ragged
from distill_rec.evaluation.listed import ListedScorer
from distill_rec.evaluation.metrics.ranks import TargetRanks
from distill_rec.evaluation.scorer import DotScorer, Floats, Scorer, scores_at
from distill_rec.evaluation.terms import add_to_catalogue
from distill_rec.runtime.errors import DataError

BLOCK_BYTES = 8 << 20
"""Scores held at once: small enough to be compared while they are in cache."""
ENCODED = 4096
"""Histories that are encoded ahead: among so many, those of like lengths are encoded together. The few of a block would
all be padded to the longest of them."""


@dataclass(frozen=True)
class Copies:
    """Items whose vector is that of an earlier item.

    Their columns are copied from that item's after the product: a matrix product may add up the terms of equal
    vectors in another order at the edge of a block, which would break an exact tie by float noise.
    """

    item: NDArray[np.int64]
    original: NDArray[np.int64]

    @staticmethod
    def of(vectors: Floats) -> Copies:
        if vectors.shape[1] <= 1 or not len(vectors):  # a product of one term is exact
            return Copies(np.empty(0, np.int64), np.empty(0, np.int64))
        rows = np.ascontiguousarray(vectors + np.float32(0))  # -0 becomes 0
        keys = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
        _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        original = first[inverse.ravel()]
        item = np.flatnonzero(original != np.arange(len(rows)))
        return Copies(item, original[item])


def require_finite(scorer: DotScorer, users: Floats, first_sample: int) -> None:
    """Refuse user vectors, and so scores, that are not finite; names the model and the sample.

    Raises:
        DataError: with the number of the sample.
    """
    bad = ~np.isfinite(users).all(axis=1)
    if bad.any():
        sample = first_sample + int(np.argmax(bad))
        raise DataError(
            f"{scorer.name}, test sample {sample}",
            "scores that are not finite (its user vector holds NaN or infinity)",
            "finite scores",
            "Look for a loss that diverged or a damaged weight file.",
        )


def require_finite_items(scorer: DotScorer) -> None:
    bad = ~np.isfinite(scorer.item_vectors).all(axis=1)
    if bad.any():
        raise DataError(
            f"{scorer.name}, item {int(np.argmax(bad))}",
            f"scores that are not finite ({int(bad.sum())} item vectors hold NaN or infinity)",
            "finite scores",
            "Look for a loss that diverged or a damaged weight file.",
        )


def require_finite_scores(scorer: Scorer, scores: Floats, first_sample: int) -> None:
    """Refuse scores `[n, candidates]` that are not finite; names the model and the sample.

    Raises:
        DataError: with the number of the sample.
    """
    bad = ~np.isfinite(scores).all(axis=1)
    if bad.any():
        sample = first_sample + int(np.argmax(bad))
        raise DataError(f"{scorer.name}, test sample {sample}", "scores that are not finite", "finite scores")


def rank_targets(
    scorer: Scorer, queries: Queries, pool: NDArray[np.bool_] | None = None, *, leave_out_seen: bool = True
) -> TargetRanks:
    """Count who scores above, and who ties with, each query's target.

    Args:
        scorer: the model.
        queries: targets, histories and items to leave out.
        pool: bool `[n_items]`, the items to rank among; targets must be in it. All where not given, which a model
            without item vectors cannot do.
        leave_out_seen: whether items that the user had seen are no candidates; the target always is one.
    """
    return rank_in_ways(scorer, queries, [leave_out_seen], pool)[0]


def rank_in_ways(
    scorer: Scorer, queries: Queries, ways: Sequence[bool], pool: NDArray[np.bool_] | None = None
) -> list[TargetRanks]:
    """`rank_targets` for each way of `leave_out_seen`, users and scores computed once."""
    target = np.asarray(queries.target, dtype=np.int64)
    number = None if pool is None else np.where(pool, np.cumsum(pool) - 1, -1)
    if number is not None:
        target = number[target]
    source = Products(scorer, pool) if isinstance(scorer, DotScorer) else Asked(scorer, queries, pool)
    n, n_items = len(queries), source.n_items
    counts = np.empty((len(ways), 3, n), dtype=np.int64)
    block = max(1, BLOCK_BYTES // (4 * max(n_items, 1)))
    scores = np.empty((block, n_items), dtype=np.float32)
    for start, users, history in _encoded(source, queries, block):
        rows = np.arange(start, start + len(history))
        chunk = scores[: len(rows)]
        source.fill(chunk, users, history, start, number)
        part = slice(start, start + len(rows))
        for way in np.argsort(ways):  # all items first: leaving out overwrites scores
            exclude = queries.excluded(rows) if ways[way] else Ragged.from_rows([[]] * len(rows))
            if pool is not None and number is not None:
                exclude = _within(pool, number, exclude)
            counts[way, :, part] = _count(scorer, chunk, target[part], exclude, start)
    return [TargetRanks(*one) for one in counts]


def _encoded(source: Products | Asked, queries: Queries, block: int) -> Iterator[tuple[int, Floats, Ragged]]:
    """The first sample, user vectors and histories of each block; the vectors come from many histories at once."""
    for first in range(0, len(queries), ENCODED):
        many = queries.history.take(np.arange(first, min(first + ENCODED, len(queries))))
        users = source.users(many, first)
        for start in range(0, len(many), block):
            part = slice(start, min(start + block, len(many)))
            yield first + start, users[part], many.take(np.arange(part.start, part.stop))


class Products:
    """Scores of blocks of queries as matrix products.

    Attributes:
        n_items: that are ranked.
    """

    def __init__(self, scorer: DotScorer, pool: NDArray[np.bool_] | None) -> None:
        require_finite_items(scorer)
        vectors = np.asarray(scorer.item_vectors, dtype=np.float32)
        vectors = vectors if pool is None else vectors[pool]
        self._scorer, self.n_items = scorer, len(vectors)
        self._copies, self._columns = Copies.of(vectors), np.ascontiguousarray(vectors.T)

    def users(self, history: Ragged, start: int) -> Floats:
        """User vectors of histories, the first of which is of sample `start`."""
        users = np.asarray(self._scorer.user_vectors(history), dtype=np.float32)
        require_finite(self._scorer, users, start)
        return users

    def fill(
        self,
        chunk: Floats,
        users: Floats,
        history: Ragged,
        start: int,
        number: NDArray[np.int64] | None = None,
    ) -> None:
        """Write the scores `[n, n_items]` of users, the first of which is of sample `start`."""
        with np.errstate(over="ignore", invalid="ignore"):  # an overflow is refused by name later
            np.matmul(users, self._columns, out=chunk)
        chunk[:, self._copies.item] = chunk[:, self._copies.original]
        add_to_catalogue(self._scorer.repeat, history, chunk, number, self._scorer.transitions)


class Asked:
    """Scores of blocks of queries from a model that gives nothing else."""

    def __init__(self, scorer: Scorer, queries: Queries, pool: NDArray[np.bool_] | None) -> None:
        if pool is None:
            raise DataError(scorer.name, "the number of items is not known", "a pool of items to rank among")
        self._scorer, self._queries = scorer, queries
        self._items, self._all = np.flatnonzero(pool).astype(np.int32), len(pool)
        self.n_items = len(self._items)

    def users(self, history: Ragged, start: int) -> Floats:
        """None are known: `[n, 0]`."""
        return np.empty((len(history), 0), dtype=np.float32)

    def fill(
        self,
        chunk: Floats,
        users: Floats,
        history: Ragged,
        start: int,
        number: NDArray[np.int64] | None = None,
    ) -> None:
        """See `Products.fill`."""
        if isinstance(self._scorer, ListedScorer):
            samples = np.arange(start, start + len(history))
            chunk[:] = self._scorer.catalogue(self._queries, samples, self._all)[:, self._items]
            return
        rows = len(history)
        candidates = Ragged(np.tile(self._items, rows), np.arange(rows + 1, dtype=np.int64) * self.n_items)
        asked = scores_at(self._scorer, self._queries, np.arange(start, start + rows), candidates)
        found = np.asarray(asked, dtype=np.float32).reshape(chunk.shape)
        require_finite_scores(self._scorer, found, start)
        chunk[:] = found


def _count(
    scorer: Scorer, scores: Floats, target: NDArray[np.int64], exclude: Ragged, first_sample: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """(greater, ties, candidates) of a block; overwrites the scores of items left out."""
    n, n_items = scores.shape
    at_target = np.arange(n) * n_items + target
    flat = scores.reshape(-1)
    goal = flat[at_target]
    if not np.isfinite(goal).all():
        sample = first_sample + int(np.argmin(np.isfinite(goal)))
        raise DataError(f"{scorer.name}, test sample {sample}", "a score that is not finite", "finite scores")
    # a mask and no list of places: an item may stand twice in a row, and sorting many long rows takes minutes
    out = np.zeros((n, n_items), dtype=np.bool_)
    out.reshape(-1)[np.repeat(np.arange(n) * n_items, exclude.lengths) + exclude.values] = True
    np.copyto(scores, -np.inf, where=out)
    candidates = n_items - np.count_nonzero(out, axis=1)
    greater, at_least = above(scores, goal)
    return greater, at_least - greater - 1, candidates


def above(scores: Floats, goal: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many scores of each row `[n, n_items]` are higher than its goal, and how many are no lower, `[n]` each."""
    # row by row: a count along an axis makes integers of what it counts first
    each = list(zip(scores, goal, strict=True))
    higher, no_lower = (
        [np.count_nonzero(way(row, one)) for row, one in each] for way in (np.greater, np.greater_equal)
    )
    return np.array(higher, dtype=np.int64), np.array(no_lower, dtype=np.int64)


def _within(pool: NDArray[np.bool_], number: NDArray[np.int64], exclude: Ragged) -> Ragged:
    """Those of the pool's items, renumbered."""
    kept = pool[exclude.values]
    offsets = np.concatenate([[0], np.cumsum(kept)])[exclude.offsets]
    return Ragged(number[exclude.values[kept]], offsets)
