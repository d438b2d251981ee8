"""Slices of the samples by the training clicks of their target: 0, 1-3, then thirds of the remaining targets."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def by_clicks(clicks: NDArray[np.float64]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield the bounds of each slice that is not empty and its rows `[n]`.

    Targets with equal clicks stay together, so thirds are only nearly equal. NaN is in no slice.
    """
    known = ~np.isnan(clicks)
    yield from _unless_empty(clicks, known & (clicks == 0))
    yield from _unless_empty(clicks, known & (clicks > 0) & (clicks <= 3))
    rest = known & (clicks > 3)
    if not rest.any():
        return
    first, second = np.quantile(clicks[rest], [1 / 3, 2 / 3], method="lower")
    yield from _unless_empty(clicks, rest & (clicks <= first))
    yield from _unless_empty(clicks, rest & (clicks > first) & (clicks <= second))
    yield from _unless_empty(clicks, rest & (clicks > second))


def _unless_empty(clicks: NDArray[np.float64], rows: NDArray[np.bool_]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    if rows.any():
        low, high = clicks[rows].min(), clicks[rows].max()
        yield (f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"), rows
