"""Losses over the candidates that were shown together."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def impression_click_loss(scores: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
    """Softmax cross-entropy of each click against the candidates shown and not clicked (NAML, eq. 13, all negatives).

    Args:
        scores: `[batch, n_candidates]`.
        labels: bool `[batch, n_candidates]`, true where clicked.
        mask: bool `[batch, n_candidates]`, false where padded.

    Returns:
        A scalar, the mean over clicks.
    """
    negatives = scores.masked_fill(labels | ~mask, -torch.inf)
    # A row without negatives has the normaliser of its click alone: a loss of 0, and a finite gradient.
    normaliser = torch.logsumexp(torch.where(negatives.isinf().all(1, keepdim=True), -1e30, negatives), 1)
    return functional.softplus(normaliser[:, None] - scores)[labels].mean()
