"""What post-training trains on and is judged by: the two views of an item are to be nearest to each other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from distill_rec.losses.matching import matching_loss
from distill_rec.nn.recommender import Recommender
from distill_rec.training import Objective
from distill_rec.training.batches import ImpressionBatch
from distill_rec.training.objective import Scene, candidates_of
from distill_rec.training.task import Judged, own_found
from teachers.bi_encoder.post_training.views import Pairs


class MatchingObjective(Objective):
    """InfoNCE within each batch of items, from either view.

    Args:
        temperature: of the cosines.
    """

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature

    def batch_loss(self, scene: Scene, place: Tensor) -> Tensor:
        batch = scene.batch
        assert isinstance(batch, ImpressionBatch)
        candidates, _, _ = candidates_of(scene, batch, place)
        left, right = (functional.embedding(candidates[:, view], scene.vectors) for view in (0, 1))
        same = torch.from_numpy(_same(batch.candidates)).to(left.device)
        return matching_loss(left, right, same, self.temperature)


def judge_of(held_out: Pairs, temperature: float, batch_size: int) -> Callable[[Recommender], Judged]:
    """Judges a model by items that it is not trained on: nDCG@10 of finding each one's second view among theirs.

    Noted beside it is their InfoNCE (`infonce`), in batches as large as those of the training.
    """
    same = _same(held_out)

    def judge(model: Recommender) -> Judged:
        device = model.item_text.device
        rows, place = np.unique(held_out, return_inverse=True)
        vectors = model.text_encoder.encode(torch.from_numpy(rows).to(device))
        left, right = vectors[torch.from_numpy(place.reshape(held_out.shape)).to(device)].unbind(1)
        total = 0.0
        for at in range(0, len(left), batch_size):
            one = slice(at, at + batch_size)
            block = torch.from_numpy(same[one, one]).to(device)
            total += float(matching_loss(left[one], right[one], block, temperature)) * len(left[one])
        return Judged(own_found(left, right, same), {"infonce": total / len(left)})

    return judge


def _same(pairs: Pairs) -> NDArray[np.bool_]:
    """Rows `[n, n]` that share a view, and so are no negatives of each other; not a row and itself."""
    first, second = pairs.T
    same: NDArray[np.bool_] = (first[:, None] == first) | (second[:, None] == second)
    np.fill_diagonal(same, False)
    return same
