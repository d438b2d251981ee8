"""How high the items stand that nobody has clicked, by validation data.

The softmax of a training is over the items that were clicked, so nothing says where the others belong beside them: on
MovieLens-100k an undistilled student gives a sixth of its probability to films that one click in sixty falls on, and
they crowd its lists. One number, by how much the scores of all of them are lowered together, is fitted on validation
data. How these items rank among each other stays as it was learned, and so does everything of the others.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from distill_rec.data.dataset import Dataset, Queries
from distill_rec.evaluation.protocol import Samples, validation_metric
from distill_rec.evaluation.scorer import DotScorer, one_after_the_other
from distill_rec.nn.merged import MergedUserEncoder
from distill_rec.nn.offsets import ItemOffsets
from distill_rec.nn.recommender import Recommender

LEVELS = (0.0, -0.125, -0.25, -0.375, -0.5, -0.625, -0.75, -0.875, -1.0, -1.25, -1.5, -2.0)
"""What is added to the scores of items without a click, highest first."""

RAISED = (1.0, 0.75, 0.5, 0.375, 0.25, 0.125)
"""Beside these where several teachers were merged: each has lowered them by itself, and together they may cost less."""

OUT = -20.0
"""Where they are as good as left out."""

RIDGE = 1e-3


def lower_unclicked(
    model: Recommender, samples: Samples, dataset: Dataset, cost: float, width: int | None = None
) -> float | None:
    """Lower the items without a training click, in place, until they cost no more than they may.

    What the text encoder adds to every text goes down, and the offsets of clicked items go up by the same, so that
    their vectors stay. New items (`data.new_items`), whose clicks validation data do not have, have no say in it and
    are lowered with the others.

    Args:
        model: trained.
        samples: validation queries.
        cost: share of nDCG@10 that they may cost: the level is the highest that has as much less than the best one; 1:
            any.
        width: numbers of a vector that work alone, where fewer than all do.

    Returns:
        What was added to their scores, on the mean over users, above zero of merged teachers alone; None where they
        stay: they cost no more than that as they were learned, there are none, or the model has no offsets (or no
        text) to tell them by.
    """
    bias, offsets = model.text_encoder.bias, model.offsets
    unclicked = ~dataset.warm & ~dataset.new
    if bias is None or not isinstance(offsets, ItemOffsets) or not isinstance(samples, Queries) or not len(samples):
        return None
    if cost >= 1 or not unclicked.any():
        return None
    model.eval()
    items = model.item_vectors()
    history = samples.history.take(np.arange(len(samples)))
    users = model.user_vectors(history, items)
    # A level changes the vectors of users who had such an item, which few have; the others' are encoded once.
    moved = (unclicked | dataset.new)[history.values]
    had = np.unique(np.repeat(np.arange(len(history)), history.lengths)[moved])
    along = torch.zeros_like(items[0])
    along[:width] = constant_direction(torch.from_numpy(users)[:, :width]).to(along)
    lowered, left_out = (torch.from_numpy(which.copy()).to(items)[:, None] for which in (unclicked, dataset.new))

    def ranked(level: float, in_histories: bool = True) -> float:
        vectors = items + (lowered * level + left_out * OUT) * along
        own = users
        if in_histories and len(had):
            own = users.copy()
            own[had] = model.user_vectors(history.take(had), vectors)
        scorer = DotScorer("", vectors.float().cpu().numpy(), one_after_the_other(own), model.repeat)
        return validation_metric(scorer, samples, dataset)

    # Lowered vectors are read in histories too; so far down as to leave them out, they are like nothing trained on.
    as_learned = ranked(0.0)
    merged = isinstance(model.user_encoder, MergedUserEncoder)
    if not merged and as_learned >= (1 - cost) * ranked(OUT, in_histories=False):
        return None
    higher = {level: ranked(level) for level in RAISED} if merged else {}
    found = higher | {0.0: as_learned} | {level: ranked(level) for level in LEVELS[1:]}
    level = next(level for level, value in found.items() if value >= (1 - cost) * max(found.values()))
    if level == 0:
        return None
    with torch.no_grad():
        bias.add_(level * along)
        offsets.weight.sub_((offsets.warm & (lowered[:, 0] == 0))[:, None] * (level * along))
    return level


def constant_direction(users: Tensor) -> Tensor:
    """The vector `[dim]` whose product with user vectors `[n, dim]` is nearest to 1, by least squares."""
    wide = users.double()
    gram = wide.t() @ wide / len(wide)
    gram += torch.eye(len(gram), dtype=gram.dtype) * gram.diagonal().mean() * RIDGE
    along: Tensor = torch.linalg.solve(gram, wide.mean(0))
    return along.to(users)
