"""A vector for each item with a training click, free to go where clicks and teacher take it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from distill_rec.begin import Earlier
from distill_rec.data.dataset import Dataset
from distill_rec.knowledge import Knowledge
from distill_rec.nn.offsets import ItemOffsets
from distill_rec.nn.projection import principal_directions
from distill_rec.student_model import earlier_vectors, load_student

SPREAD = 0.05
"""Standard deviation of the first vectors of items that start from nothing."""


class ItemTable(ItemOffsets):
    """v_i = start_i + b_i: the teacher's projected vector and a free offset (DLLM2Rec, arXiv 2405.00338).

    Args:
        warm: bool `[n_items]`, items with a training click.
        start: `[n_items, dim]`, fixed; items of zeros start at random.
        drop: share of items at their start in a training batch.
    """

    start: Tensor

    def __init__(self, warm: Tensor, start: Tensor, drop: float = 0.0) -> None:
        super().__init__(warm, start.shape[1], drop)
        unknown = warm & ~start.any(1)
        with torch.no_grad():
            self.weight.copy_(torch.randn_like(self.weight) * SPREAD * unknown[:, None])
        self.register_buffer("start", start * warm[:, None], persistent=False)

    def forward(self, items: Tensor | None = None) -> Tensor:
        """Vectors `[n, dim]` of the items; of all items, those without clicks stand at the mean of the others."""
        offsets = super().forward(items)
        if items is not None:
            return nn.functional.embedding(items, self.start) + offsets
        vectors = self.start + offsets
        mean = vectors.sum(0) / self.warm.sum().clamp_min(1)
        return torch.where(self.warm[:, None], vectors, mean)


def go_on(table: ItemTable, dataset: Dataset, earlier: Earlier) -> None:
    """Start at a trained table's vectors; items without clicks then start where its texts put them."""
    vectors = earlier_vectors(load_student(earlier.folder), earlier.dataset, dataset)
    with torch.no_grad():
        table.weight.zero_()
        table.start.copy_(torch.from_numpy(vectors) * table.warm[:, None])


def start_of(knowledge: Knowledge | None, warm: NDArray[np.bool_], dim: int) -> Tensor:
    """Where item vectors `[n_items, dim]` start: the teacher's, of another dimension by their principal directions.

    Zero for items that the teacher does not know, and for all where there is none.
    """
    if knowledge is None:
        return torch.zeros(len(warm), dim)
    known = torch.from_numpy(warm if knowledge.knows is None else warm & knowledge.knows)
    vectors = torch.from_numpy(np.array(knowledge.item_vectors, dtype=np.float32))
    if knowledge.dim != dim:
        vectors = vectors @ principal_directions(vectors[known], dim)
    return vectors * known[:, None]
