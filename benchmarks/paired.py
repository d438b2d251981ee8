"""What the comparisons of trained models share: means over users with intervals, differences paired over users."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from distill_rec.evaluation.bootstrap import interval, resampled_means

RESAMPLES = 2000


def against(values: NDArray[np.float64], base: NDArray[np.float64]) -> dict[str, float]:
    """Difference with its interval, paired over users."""
    difference = values - base
    low, high = bounds(difference)
    return {"mean": float(difference.mean()), "low": low, "high": high}


def half_interval(values: NDArray[np.float64]) -> float:
    low, high = bounds(values)
    return (high - low) / 2


def bounds(values: NDArray[np.float64]) -> tuple[float, float]:
    """95 % interval of the mean over users."""
    return interval(resampled_means(values[:, None], RESAMPLES, 0)[:, 0])
