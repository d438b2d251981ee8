"""The k best items of a user, exactly: items with equal vectors have equal scores, and the earlier row wins.

A BLAS product is the quickest search, but its kernels round the last rows of a matrix otherwise than the rest, and
one user otherwise than a block of users. So it only finds who may be among the best; these few are scored anew by
`dot_rows`, whose result for a row depends on that row alone.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
ROUNDING = 2.0**-24


class RowSource(Protocol):
    """An array `[n, dim]`, or what gives float32 rows of one."""

    def __getitem__(self, rows: NDArray[np.int64], /) -> Floats: ...


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


def near_best(scores: Floats, k: int, slack: float = 0.0) -> NDArray[np.int64]:
    """Rows, ascending, whose score is at least the k-th highest less `slack`; -inf is never among them."""
    k = min(k, int(np.count_nonzero(scores > -np.inf)))
    if k <= 0:
        return np.empty(0, dtype=np.int64)
    threshold = np.partition(scores, len(scores) - k)[len(scores) - k]
    return np.flatnonzero(scores >= threshold - np.float32(slack))


def best(vectors: RowSource, user: Floats, scores: Floats, k: int, slack: float) -> tuple[NDArray[np.int64], Floats]:
    """Rows and scores of the k best, highest first, equal scores by row.

    Args:
        scores: `vectors @ user` by whatever product, `[n]`; -inf where a row must not be among the best.
        slack: see `slack_of`.
    """
    rows = near_best(scores, k, slack)
    exact = dot_rows(vectors[rows], user)
    order = np.argsort(-exact, kind="stable")[:k]
    return rows[order], exact[order]
