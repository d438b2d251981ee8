"""Binary cross-entropy of each candidate with the teacher's probability of it as target."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def bce_rows(student: Tensor, teacher: Tensor, clicks: Tensor | None, mask: Tensor) -> Tensor:
    """Mean over candidates of -σ(t) log σ(s) - (1 - σ(t)) log(1 - σ(s)) (Kwon et al. 2021, Bidirectional Distillation,
    arXiv 2106.02870, its distillation loss, with every candidate where that draws a sample).

    Args:
        student, teacher: scores `[batch, n_candidates]`, read as logits: unlike the other losses of scores it also
            transfers a row's level.
        clicks: not read.
        mask: bool `[batch, n_candidates]`, false where padded.

    Returns:
        `[batch]`; zero for a row without candidates.
    """
    cost = functional.binary_cross_entropy_with_logits(student, torch.sigmoid(teacher), reduction="none")
    return cost.masked_fill(~mask, 0.0).sum(1) / mask.sum(1).clamp_min(1)
