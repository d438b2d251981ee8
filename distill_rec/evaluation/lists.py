"""What the top-10 lists of a model are like: how much of the catalogue they cover, and how popular it is."""

from __future__ import annotations

import numpy as np

from distill_rec.data.dataset import Dataset
from distill_rec.evaluation.disagreements import TOP, drawn_rows, history_scores
from distill_rec.evaluation.protocol import Samples
from distill_rec.evaluation.results import Lists
from distill_rec.evaluation.scorer import Scorer

BLOCK = 64


def lists_of(scorer: Scorer, samples: Samples, dataset: Dataset, seed: int) -> Lists | None:
    """Of one sample per user, at most a thousand drawn; None where there is none."""
    rows = drawn_rows(samples, seed)
    if not len(rows):
        return None
    k = min(TOP, dataset.n_items)
    blocks = (rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK))
    scores = (history_scores(scorer, samples, block, dataset.n_items) for block in blocks)
    listed = np.concatenate([np.argpartition(-one, k - 1, axis=1)[:, :k] for one in scores])
    clicks = dataset.train_clicks.astype(np.float64)
    history = samples.history.take(rows).values
    usual = clicks[history].mean() if len(history) else 0.0
    # one click is added to every item, so that an item without clicks has finite self-information
    bits = -np.log2((clicks + 1) / (clicks + 1).sum())
    return Lists(
        coverage=len(np.unique(listed)) / dataset.n_items,
        novelty=float(bits[listed].mean()),
        popularity_lift=float(clicks[listed].mean() / usual) if usual > 0 else None,
    )
