"""Which ratings are clicks: a threshold that fits the scale."""

from __future__ import annotations

import polars as pl

SHARE = 0.7
MANY = 0.9
"""A threshold that makes more of the rows a click tells nothing apart."""


def propose_threshold(ratings: pl.Series) -> float | None:
    """A threshold by the largest rating: 1 of 0 and 1, 3 of 4, 4 of 5, 7 of 10, 70 of 100; None where there is none."""
    low, high = ratings.min(), ratings.max()
    if not isinstance(low, float) or not isinstance(high, float):
        return None
    if high <= 2 or ratings.n_unique() <= 2:
        return high
    if low < 0:
        return 1.0 if high >= 1 else high
    return float(-(-high * SHARE // 1))  # rounded up


def scale_of(ratings: pl.Series) -> str:
    """What the ratings are, in words."""
    values = ratings.drop_nulls().unique().sort()
    if len(values) == 0:
        return "no rating"
    if len(values) <= 2:
        return "ratings of " + " and ".join(f"{value:g}" for value in values)
    return f"ratings from {values[0]:g} to {values[-1]:g}"
