"""Cross-fitting: those of several teachers teach about a user that did not learn from them.

On histories that a teacher was trained on, what it says is little more than the click that it remembers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill_rec.data.dataset import Dataset, Sequences
from distill_rec.data.slices import whole
from distill_rec.folds import Fold
from distill_rec.nn.side_by_side import weighed


def without(dataset: Dataset, fold: str) -> Dataset:
    """The data with training clicks of the other folds' users alone; all of it where `fold` is "".

    Validation and test stay, and so do the items: one that only these users clicked is one that others did not.
    """
    if not fold:
        return dataset
    left_out = Fold.of(fold).users(len(dataset.users))
    rows = np.flatnonzero(~left_out[np.asarray(dataset.train.user)])
    # what the folder holds is of all users, but for the items' columns
    return replace(dataset, train=dataset.train.take(rows), folder=None, fresh=None, made_columns=dataset.columns())


class CrossFitting:
    """Of several teachers, those that did not learn from a user's clicks, weighed as all of them are together.

    Args:
        folds: the fold that each teacher learned without; "" where it learned from all.
        weights: `[teachers]`, of their sum.
        dims: of each teacher's block of the user vectors.
    """

    def __init__(self, folds: Sequence[str], weights: Tensor, dims: Sequence[int], dataset: Dataset) -> None:
        n_users, train = len(dataset.users), dataset.train
        columns = [Fold.of(fold).users(n_users) if fold else np.zeros(n_users, dtype=np.bool_) for fold in folds]
        unseen = torch.from_numpy(np.stack(columns, 1)).to(weights)
        total = (unseen * weights).sum(1, keepdim=True)
        self.dims = list(dims)
        self.factors = torch.where(total > 0, unseen * (weights.sum() / torch.where(total > 0, total, 1.0)), 1.0)
        counts = whole(train.items).lengths if isinstance(train, Sequences) else np.ones(len(train), dtype=np.int64)
        self.ends, self.user = np.cumsum(counts), np.asarray(train.user)

    def of(self, users: Tensor, number: NDArray[np.int64]) -> Tensor:
        """User vectors `[n, dim]` of their sum with the factors of those who they are of.

        Args:
            number: `[n]`, each one's place among all training clicks, or among the training impressions.
        """
        row = self.user[np.searchsorted(self.ends, number, side="right")]
        return weighed(users, self.dims, self.factors[torch.from_numpy(row.astype(np.int64))].to(users.device))
