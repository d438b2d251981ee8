"""Symmetric InfoNCE: each of two views is to find the other among a batch's."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def matching_loss(left: Tensor, right: Tensor, same: Tensor, temperature: float) -> Tensor:
    """Mean over rows and both directions of -log softmax_j(cos(l_i, r_j) / τ) at j = i.

    van den Oord et al. 2018 (arXiv 1807.03748, eq. 4) with in-batch negatives, in both directions (Radford et al. 2021,
    arXiv 2103.00020, figure 3); the matching of title and body in Tiny-NewsRec (Yu et al. 2022, arXiv 2112.00944,
    section 3) is the one from the title, with drawn negatives.

    Args:
        left, right: `[n, d]`, row i of both being views of the same item.
        same: bool `[n, n]`, rows that are no negatives of each other, as those with an equal text; the diagonal counts
            as false.
        temperature: τ.

    Returns:
        A scalar; zero for one row.
    """
    scores = functional.normalize(left, dim=1) @ functional.normalize(right, dim=1).t() / temperature
    own = torch.arange(len(scores), device=scores.device)
    apart = scores.masked_fill(same.clone().fill_diagonal_(False), -torch.inf)
    return (functional.cross_entropy(apart, own) + functional.cross_entropy(apart.t(), own)) / 2
