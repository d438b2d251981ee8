"""The vector of a text that says nothing, where training had none to learn it from."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from distill_rec.data.dataset import Dataset
from distill_rec.nn.recommender import Recommender


def set_neutral(model: Recommender, empty: NDArray[np.bool_], dataset: Dataset) -> None:
    """Give texts that read as the empty one the mean of the others: an item that nothing is known of ranks as one of
    those that nobody has clicked, in the middle.

    Nothing is done where an item with a training click has such a text, for then its vector was learned.

    Args:
        model: trained; the mean is over the texts of the items that are not new and have one.
        empty: `[n_texts]`, texts that read as the empty one.
    """
    says_nothing = empty[dataset.item_text]
    known = ~says_nothing & ~dataset.new
    if (says_nothing & dataset.warm).any() or not known.any():
        return
    texts = model.text_encoder.encode()
    mean = functional.embedding(model.item_text[torch.from_numpy(known).to(texts.device)], texts).mean(0)
    model.text_encoder.neutral = mean
    model.text_encoder.empty = torch.from_numpy(empty).to(mean.device)
