"""Distances between a student's vectors (through its adapter) and a teacher's."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def cosine_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """1 - cosine of each pair, `[n, d]` and `[n, d]` to a scalar mean."""
    return 1 - functional.cosine_similarity(student, teacher, dim=1, eps=1e-8).mean()


def mse_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Squared distance of each pair, relative to the teacher's mean squared norm, as a scalar mean.

    Dividing by the norm makes its weight in a recipe independent of the teacher's scale.
    """
    return (student - teacher).square().sum(1).mean() / teacher.square().sum(1).mean().clamp_min(1e-12)
