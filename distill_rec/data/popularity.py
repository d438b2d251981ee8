"""How popular each item is among all, as losses that go by popularity read it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def popularity_shares(clicks: NDArray[np.int32]) -> NDArray[np.float32]:
    """Share of all training clicks that fell on items clicked less than this one, from 0 to less than 1.

    Groups of equal width by it have about equal clicks. Items with the same clicks have the same share.

    Args:
        clicks: `[n_items]`.
    """
    levels, number, counts = np.unique(clicks, return_inverse=True, return_counts=True)
    below = np.concatenate([[0], np.cumsum(levels.astype(np.int64) * counts)[:-1]])
    return (below / max(int(clicks.sum()), 1)).astype(np.float32)[number]
