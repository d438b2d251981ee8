"""What most often came next: a baseline without a model, which many models of sequences do not beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from distill_rec.data.dataset import Dataset
from distill_rec.data.followers import Followers
from distill_rec.data.ragged import Ragged
from distill_rec.evaluation.scorer import Floats

BLOCK = 64
"""Rows whose scores of the whole catalogue are held at once."""


@dataclass(frozen=True)
class Transitions:
    """Scores by how often an item followed the history's last one in the training clicks, then by popularity.

    Attributes:
        counts: `[n_items, n_items]`.
        popularity: float32 `[n_items]`, below 1, so that it decides between equal counts alone.
    """

    counts: csr_matrix
    popularity: Floats
    name: str = "transitions"

    @staticmethod
    def of(dataset: Dataset) -> Transitions:
        """Those of the training clicks."""
        followers, n_items = Followers.of(dataset), dataset.n_items
        ones = np.ones(len(followers.after), dtype=np.float32)
        counts = csr_matrix((ones, followers.after, followers.starts), shape=(n_items, n_items))
        counts.sum_duplicates()
        clicks = np.asarray(dataset.train_clicks, dtype=np.float64)
        return Transitions(counts, (clicks / (clicks.max(initial=0) + 1)).astype(np.float32))

    def scores(self, history: Ragged, candidates: Ragged) -> Floats:
        """See `Scorer`; of an empty history popularity alone."""
        out: Floats = self.popularity[candidates.values]
        for start in range(0, len(history), BLOCK):
            rows = np.arange(start, min(start + BLOCK, len(history)))
            known = rows[history.lengths[rows] > 0]
            last = np.array([history[row][-1] for row in known], dtype=np.int64)
            dense = self.counts[last].toarray()
            for row, counts in zip(known, dense, strict=True):
                place = slice(candidates.offsets[row], candidates.offsets[row + 1])
                out[place] += counts[candidates.values[place]]
        return out
