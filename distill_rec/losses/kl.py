"""KL divergence between softened score distributions."""

from __future__ import annotations

import torch
from torch import Tensor


def kl_loss(student: Tensor, teacher: Tensor, mask: Tensor, temperature: float = 1.0) -> Tensor:
    """KL(teacher || student) over candidates, times the squared temperature (Hinton et al. 2015, section 2).

    Args:
        student: scores `[batch, n_candidates]`.
        teacher: scores `[batch, n_candidates]`, no gradient.
        mask: bool `[batch, n_candidates]`, false where padded.

    Returns:
        A scalar, the mean over rows.
    """
    lowest = torch.finfo(student.dtype).min
    p = torch.log_softmax((student / temperature).masked_fill(~mask, lowest), 1)
    q = torch.log_softmax((teacher / temperature).masked_fill(~mask, lowest), 1)
    divergence = (q.exp() * (q - p)).masked_fill(~mask, 0.0).sum(1)
    return divergence.mean() * temperature**2
