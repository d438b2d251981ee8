"""What every model is to the evaluation: item vectors and a map from histories to user vectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.ragged import Ragged

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Scorer:
    """A model with scores v·u, and r more for items of the history where it has a repeat term.

    Attributes:
        name: what tables and errors call it.
        item_vectors: float32 `[n_items, d]`.
        user_vectors: from rows of items, oldest first, to float32 `[n_rows, d]`; called in batches.
        repeat: float32 `[BUCKETS]`, r by how long ago (`distill_rec.artifact.repeat`); None without a repeat term.
    """

    name: str
    item_vectors: Floats
    user_vectors: Callable[[Ragged], Floats]
    repeat: Floats | None = None


def popularity(train_clicks: NDArray[np.int32]) -> Scorer:
    """The same for everyone: an item's score is its clicks in training."""
    vectors = np.asarray(train_clicks, dtype=np.float32)[:, None]
    return Scorer("popularity", vectors, lambda history: np.ones((len(history), 1), dtype=np.float32))
