"""The distance between a student's vectors (through its adapter) and a teacher's."""

from __future__ import annotations

from torch import Tensor


def mse_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean ||s - t||² over mean ||t||², `[n, d]` and `[n, d]` to a scalar (TinyBERT, arXiv 1909.10351, eq. 8).

    Dividing by the norm makes its weight in a recipe independent of the teacher's scale.
    """
    return (student - teacher).square().sum(1).mean() / teacher.square().sum(1).mean().clamp_min(1e-12)
