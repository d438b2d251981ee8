"""The vector of a text that says nothing, where training had none to learn it from."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from distill_rec.data.dataset import Dataset
from distill_rec.nn.recommender import TextEncoder


def set_neutral(encoder: TextEncoder, empty: NDArray[np.bool_], dataset: Dataset) -> None:
    """Give texts that read as the empty one the mean of the others: an item that nothing is known of ranks as one of
    those that nobody has clicked, in the middle.

    Nothing is done where an item with a training click has such a text, for then its vector was learned.

    Args:
        encoder: trained, set to the catalogue's texts; the mean is over those of items that are not new and have one.
        empty: `[n_texts]`, texts that read as the empty one.
    """
    says_nothing = empty[dataset.item_text]
    known = ~says_nothing & ~dataset.new
    if (says_nothing & dataset.warm).any() or not known.any():
        return
    texts = encoder.encode()
    rows = torch.from_numpy(dataset.item_text[known].astype(np.int64)).to(texts.device)
    encoder.neutral = functional.embedding(rows, texts).mean(0)
    encoder.empty = torch.from_numpy(empty).to(texts.device)
