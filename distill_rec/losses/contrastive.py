"""InfoNCE: a student's vector of an item is to be nearest to the teacher's vector of the same item."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from distill_rec.losses.catalogue import catalogue_loss

BLOCK = 1024
"""Items that are each other's negatives; cost grows with n times this."""


def contrastive_loss(student: Tensor, teacher: Tensor, temperature: float = 0.1) -> Tensor:
    """Mean over items of -log softmax_j(cos(s_i, t_j) / τ) at j = i (van den Oord et al. 2018, arXiv 1807.03748,
    eq. 4).

    Negatives are the other items of the same block of at most `BLOCK` rows. It is fused as the catalogue's
    softmax, and is not least where student equals teacher: it also pushes items apart.

    Args:
        student: `[n, d]`, through its adapter.
        teacher: `[n, d]`.
        temperature: τ.

    Returns:
        A scalar.
    """
    s, t = functional.normalize(student, dim=1) / temperature, functional.normalize(teacher, dim=1)
    total = student.new_zeros(())
    for one, other in zip(s.split(BLOCK), t.split(BLOCK), strict=True):
        total = total + catalogue_loss(one, other, torch.arange(len(one), device=s.device)) * len(one)
    return total / len(s)
