"""The k best items of a user, exactly: items with equal vectors have equal scores, and the earlier row wins.

A BLAS product is the quickest search, but its kernels round the last rows of a matrix otherwise than the rest, and
one user otherwise than a block of users. So it only finds who may be among the best; these few are scored anew by
`dot_rows`, whose result for a row depends on that row alone.

The k-th best of every 31st item is a floor that no item of the k best can lie under. It is found in a fraction of a
sort's time, and what is above it, about 31·k items, is all that has to be looked at again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from distill_rec.runtime.arrays import Floats

Rows = NDArray[np.int64]
ROUNDING = 2.0**-24
LOWEST = np.finfo(np.float32).min
"""Under every score but -inf, which marks what must not be among the best."""

STRIDE = 31
"""Of the sample. A prime, so that a catalogue of repeated parts is not met at the same place each time."""

SMALL = 1 << 12
"""Items whose scores are sorted out at once."""

SCORES, ROWS = 1 << 17, 4096
"""Of one block of a search for many: at most so many scores and rows, which a core's second cache holds."""

GATHERED = 1 << 16
"""Rows copied at a time; ties can make every item of a catalogue a candidate."""

MOST_CANDIDATES = 1 << 22
"""Candidates of a search for many; above it, which takes ties, users are searched for one by one."""


class RowSource(Protocol):
    """An array `[n, dim]`, or what gives float32 rows of one, by number or as a slice."""

    def __getitem__(self, rows: Rows | slice, /) -> Floats: ...

    def __len__(self) -> int: ...


def dot_rows(vectors: Floats, user: Floats) -> Floats:
    """Scores `[n]` of item vectors `[n, dim]`, each summed in the same order whatever stands beside it."""
    return np.asarray(np.einsum("ij,j->i", vectors, user), dtype=np.float32)


def slack_of(dim: int, longest: float, user: Floats) -> float:
    """Upper bound of how far two orders of summation can push an item across the k-th score.

    Each dot product errs by at most dim·u·|v|·|w| (Higham 2002, 3.1): two of them differ by twice that, and both the
    item and the k-th one may.

    Args:
        longest: largest length of an item vector.
    """
    return 4 * dim * ROUNDING * longest * float(np.linalg.norm(user))


def near_best(scores: Floats, k: int, slack: float = 0.0) -> Rows:
    """Rows, ascending, whose score is at least the k-th highest less `slack`; -inf is never among them."""
    stride = _stride(len(scores), k)
    rows = np.flatnonzero(scores >= max(_kth(scores[::stride], k) - np.float32(slack), LOWEST))
    if stride == 1:
        return rows
    found = scores[rows]
    return rows[found >= _kth(found, min(k, len(found))) - np.float32(slack)]


def best(vectors: RowSource, user: Floats, scores: Floats, k: int, slack: float) -> tuple[Rows, Floats]:
    """Rows and scores of the k best, highest first, equal scores by row.

    Args:
        scores: `vectors @ user` by whatever product, `[n]`; -inf where a row must not be among the best.
        slack: see `slack_of`.
    """
    return best_among(vectors, user, near_best(scores, k, slack), k)


def best_of_many(  # noqa: PLR0913
    vectors: RowSource,
    users: Floats,
    k: int,
    slacks: Sequence[float],
    left_out: Sequence[Rows],
    hidden: Rows | None = None,
) -> list[tuple[Rows, Floats]]:
    """`best` of each user, `[n_users, dim]`, by blocks of the catalogue whose scores never leave the cache.

    Memory is bounded by the block and about 31·k candidates per user, not by users times items.

    Args:
        slacks: of each user; see `slack_of`.
        left_out: rows of each user that must not be among the best.
        hidden: rows, ascending, that must not be among anyone's.
    """
    if len(users) == 1:
        return [_alone(vectors, users[0], slacks[0], left_out[0], hidden, k)]
    outside = _Outside(left_out, hidden)
    floors = _floors(vectors, users, k, slacks, outside)
    found: list[NDArray[np.int64]] = []
    candidates = 0
    for part in _above(vectors, users, floors, outside):
        found.append(part)
        candidates += len(part)
        if candidates > MOST_CANDIDATES:
            return [_alone(vectors, *each, hidden, k) for each in zip(users, slacks, left_out, strict=True)]
    places = np.concatenate(found) if found else np.empty(0, dtype=np.int64)
    rows, owners = np.divmod(places, len(users))
    order = np.argsort(owners, kind="stable")
    parts = np.split(rows[order], np.cumsum(np.bincount(owners, minlength=len(users)))[:-1])
    return [best_among(vectors, user, part, k) for user, part in zip(users, parts, strict=True)]


class _Outside:
    """What is left out, by row, so that a block finds its own quickly."""

    def __init__(self, left_out: Sequence[Rows], hidden: Rows | None) -> None:
        self._hidden = hidden
        rows = np.concatenate([np.empty(0, dtype=np.int64), *left_out])
        order = np.argsort(rows, kind="stable")
        self._rows = rows[order]
        self._owners = np.repeat(np.arange(len(left_out)), [len(part) for part in left_out])[order]

    def mask(self, scores: Floats, start: int, stride: int = 1) -> None:
        """Write -inf into `scores` `[n, n_users]` of the rows start, start + stride, ..."""
        ends = start, start + len(scores) * stride
        low, high = np.searchsorted(self._rows, ends)
        if low < high:
            rows, owners = self._rows[low:high] - start, self._owners[low:high]
            there = rows % stride == 0
            scores[rows[there] // stride, owners[there]] = -np.inf
        if self._hidden is not None:
            low, high = np.searchsorted(self._hidden, ends)
            rows = self._hidden[low:high] - start
            scores[rows[rows % stride == 0] // stride] = -np.inf


def _stride(length: int, k: int) -> int:
    """At most `STRIDE`, and small enough that a sample holds eight times k; a small catalogue is its own sample."""
    return max(1, min(STRIDE, length // max(8 * k, SMALL)))


def _kth(scores: Floats, k: int) -> np.float32:
    """The k-th highest; `LOWEST` where there are fewer than k."""
    if not 0 < k <= len(scores):
        return LOWEST
    return np.float32(max(np.partition(scores, len(scores) - k)[len(scores) - k], LOWEST))


def _floors(vectors: RowSource, users: Floats, k: int, slacks: Sequence[float], outside: _Outside) -> Floats:
    """Of each user, what no score of its k best is under."""
    stride = _stride(len(vectors), k)
    sample = vectors[::stride] @ users.T
    outside.mask(sample, 0, stride)
    kth = np.array([_kth(scores, k) for scores in np.ascontiguousarray(sample.T)], dtype=np.float32)
    return np.maximum(kth - np.asarray(slacks, dtype=np.float32), LOWEST)


def _above(vectors: RowSource, users: Floats, floors: Floats, outside: _Outside) -> Iterator[NDArray[np.int64]]:
    """Places, row·n_users + user, of the scores that are not under their user's floor; block by block."""
    size = min(ROWS, max(1, SCORES // len(users)))
    across = np.ascontiguousarray(users.T)
    # Comparing equal shapes is twice as quick as repeating a row of floors while comparing.
    limits = np.tile(floors, (size, 1))
    scores, high = np.empty_like(limits), np.empty(limits.shape, dtype=np.bool_)
    for start in range(0, len(vectors), size):
        block = vectors[start : start + size]
        n = len(block)
        np.matmul(block, across, out=scores[:n])
        outside.mask(scores[:n], start)
        np.greater_equal(scores[:n], limits[:n], out=high[:n])
        yield np.flatnonzero(high[:n]) + start * len(users)


def _alone(  # noqa: PLR0913
    vectors: RowSource, user: Floats, slack: float, left_out: Rows, hidden: Rows | None, k: int
) -> tuple[Rows, Floats]:
    scores = np.empty(len(vectors), dtype=np.float32)
    for start in range(0, len(scores), ROWS):
        part = slice(start, start + ROWS)
        np.matmul(vectors[part], user, out=scores[part])
    scores[left_out] = -np.inf
    if hidden is not None:
        scores[hidden] = -np.inf
    return best(vectors, user, scores, k, slack)


def best_among(vectors: RowSource, user: Floats, rows: Rows, k: int) -> tuple[Rows, Floats]:
    """Rows and scores of the k best among these rows, which ascend; in the order of `best`."""
    if len(rows) <= GATHERED:
        exact = dot_rows(vectors[rows], user)
    else:
        parts = [dot_rows(vectors[rows[at : at + GATHERED]], user) for at in range(0, len(rows), GATHERED)]
        exact = np.concatenate(parts)
    order = np.argsort(-exact, kind="stable")[:k]
    return rows[order], exact[order]
