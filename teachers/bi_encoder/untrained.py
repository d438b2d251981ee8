"""The untrained PLM as a recommender: its own pooled vectors, a history's mean, cosine."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from distill_rec.data.dataset import Dataset
from distill_rec.data.ragged import Ragged
from distill_rec.device import choose_device
from distill_rec.evaluation.scorer import DotScorer, Scorer
from distill_rec.progress import Progress, Quiet
from teachers.bi_encoder.build import open_source, pooled_vectors
from teachers.bi_encoder.spec import BiEncoderSection


def untrained_scorer(section: BiEncoderSection, dataset: Dataset, progress: Progress | None = None) -> Scorer:
    """The column that a teacher must beat to have learnt anything."""
    source = open_source(section, dataset, choose_device(section.device))
    pooled = pooled_vectors(source, dataset, progress or Quiet())
    unit = torch.nn.functional.normalize(pooled, dim=1).numpy()
    items = unit if source.trunk is None else unit[dataset.item_text]

    def mean(history: Ragged) -> NDArray[np.float32]:
        # A product of a sparse matrix gathers no vectors, which would not fit for large logs.
        clicks = np.ones(len(history.values), dtype=np.float32)
        out = csr_matrix((clicks, history.values, history.offsets), shape=(len(history), len(items))) @ items
        return np.asarray(out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12), dtype=np.float32)

    return DotScorer("untrained", np.ascontiguousarray(items), mean)
