"""Paired bootstrap over users (Efron 1979): every model is read on the same drawn users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEVEL = 0.95
BLOCK = 64
"""Resamples held at once, `[BLOCK, n_users]` float32: 13 MB for 50,000 users."""


class Interval(NamedTuple):
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


def spread_over(seeds: Sequence[float]) -> float | None:
    """Standard deviation of a figure over seeds; None of one."""
    return float(np.std(seeds, ddof=1)) if len(seeds) > 1 else None


def resampled_means(values: Floats, resamples: int, seed: int) -> Floats:
    """Means over users drawn with replacement.

    Args:
        values: `[n_users, n_columns]`, one column per model and metric; no NaN.
        resamples: how many draws.
        seed: of the draws; the same users are drawn for every column, which pairs them.

    Returns:
        `[resamples, n_columns]`.
    """
    n = len(values)
    centre = values.mean(axis=0) if n else np.zeros(values.shape[1])
    # about the mean, so that float32 products lose nothing that matters; a draw counts users, which is exact
    around = np.ascontiguousarray(values - centre, dtype=np.float32)
    rng = np.random.default_rng(seed)
    out = np.zeros((resamples, values.shape[1]))
    for start in range(0, resamples if n else 0, BLOCK):
        size = min(BLOCK, resamples - start)
        counts = np.empty((size, n), dtype=np.float32)
        for row in range(size):
            counts[row] = np.bincount(rng.integers(0, n, size=n), minlength=n)
        out[start : start + size] = counts @ around / n
    return out + centre


def known_means(values: Floats, resamples: int, seed: int) -> tuple[Floats, Floats]:
    """Means over the users that have a value, `[n_columns]`, and over those of each draw, `[resamples, n_columns]`.

    Args:
        values: `[n_users, n_columns]`, NaN where a user has none; a draw in which nobody has one is NaN.
    """
    there = ~np.isnan(values)
    both = np.hstack([np.where(there, values, 0.0), there.astype(np.float64)])
    width, drawn = values.shape[1], resampled_means(both, resamples, seed)
    whole = both.mean(axis=0) if len(both) else np.zeros(2 * width)
    return _over(whole[None, :width], whole[None, width:])[0], _over(drawn[:, :width], drawn[:, width:])


def _over(sums: Floats, counts: Floats) -> Floats:
    # resampled means are exact to float32 alone: a share of users below one in a million is none
    return np.asarray(np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 1e-6))


def interval(samples: Floats) -> Interval:
    """The percentile interval of resampled values `[resamples]`; NaN among them are left out."""
    samples = samples[~np.isnan(samples)]
    low, high = np.quantile(samples, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))


def interval_of_mean(values: Floats, resamples: int = 2000) -> Interval:
    """Of the mean of `[n_users]`, as of what one model has more than another for each; zeros of nobody."""
    return interval(resampled_means(values[:, None], resamples, 0)[:, 0])
