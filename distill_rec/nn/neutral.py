"""The vector of a text that says nothing, where training had none to learn it from."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from distill_rec.data.dataset import Dataset
from distill_rec.nn.recommender import Recommender


def set_neutral(model: Recommender, empty: NDArray[np.bool_], dataset: Dataset) -> None:
    """Give texts that read as the empty one the catalogue's mean: an item that nothing is known of ranks in the middle.

    Nothing is done where an item with a training click has such a text, for then its vector was learned.

    Args:
        model: trained; the mean is over its vectors of the items that are not new and have a text.
        empty: `[n_texts]`, texts that read as the empty one.
    """
    says_nothing = empty[dataset.item_text]
    known = ~says_nothing & ~dataset.new
    if (says_nothing & dataset.warm).any() or not known.any():
        return
    vectors = model.item_vectors()
    mean = vectors[torch.from_numpy(np.flatnonzero(known)).to(vectors.device)].mean(0)
    model.text_encoder.neutral = mean
    model.text_encoder.empty = torch.from_numpy(empty).to(mean.device)
