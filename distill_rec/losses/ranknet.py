"""RankNet's pairwise cross-entropy with the teacher's pair probabilities as targets."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from distill_rec.losses.top import teachers_top


def ranknet_rows(student: Tensor, teacher: Tensor, clicks: Tensor | None, mask: Tensor, top: int = 20) -> Tensor:
    """Mean over pairs i, j of the teacher's first `top` of -P log σ(s_i - s_j) - (1 - P) log σ(s_j - s_i), where
    P = σ(t_i - t_j) (Burges et al. 2005, "Learning to rank using gradient descent", section 3: C_ij).

    Args:
        student, teacher: scores `[batch, n_candidates]`; a constant added to a row changes nothing.
        clicks: not read.
        mask: bool `[batch, n_candidates]`, false where padded.
        top: candidates per row that are paired: `[batch, top, top]` is kept.

    Returns:
        `[batch]`; zero for a row with fewer than two candidates.
    """
    s, t, valid, _ = teachers_top(student, teacher, mask, top)
    # Both orders of a pair say the same; one is enough.
    above = torch.ones(s.shape[1], s.shape[1], dtype=torch.bool, device=s.device).triu(1)
    pairs = valid[:, :, None] & valid[:, None, :] & above
    wanted = torch.sigmoid(t[:, :, None] - t[:, None, :])
    cost = functional.binary_cross_entropy_with_logits(s[:, :, None] - s[:, None, :], wanted, reduction="none")
    return cost.masked_fill(~pairs, 0.0).sum((1, 2)) / pairs.sum((1, 2)).clamp_min(1)
