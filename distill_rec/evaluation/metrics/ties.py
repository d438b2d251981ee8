"""Expectations over the order of tied scores: a rank is never the order of the input."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@functools.lru_cache(maxsize=8)
def reciprocals(longest: int) -> Floats:
    """`[longest]`, 1/rank of each rank from 1."""
    return 1.0 / np.arange(1, longest + 1)


@functools.lru_cache(maxsize=8)
def discounts(longest: int) -> Floats:
    """`[longest]`, 1/log2(rank + 1) of each rank from 1."""
    return 1.0 / np.log2(np.arange(2, longest + 2))


def up_to(values: Floats) -> Floats:
    """`[len(values) + 1]`; entry p is the sum of the first p values."""
    return np.concatenate([[0.0], np.cumsum(values)])


def expected(values: Floats, greater: Counts, group: Counts) -> Floats:
    """Mean value of an item whose rank is uniform on `greater + 1 .. greater + group`.

    Args:
        values: of each rank from 1; ranks beyond its end are worth nothing.
        greater: candidates with a higher score.
        group: candidates with the same score, the item itself included.
    """
    cumulative, last = up_to(values), len(values)
    tied = (cumulative[np.minimum(greater + group, last)] - cumulative[np.minimum(greater, last)]) / group
    alone = np.append(values, 0.0)[np.minimum(greater, last)]
    return np.where(group == 1, alone, tied)
