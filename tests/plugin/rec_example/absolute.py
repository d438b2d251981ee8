"""The loss: how far vectors are apart, dimension by dimension."""

from __future__ import annotations

from torch import Tensor


def absolute_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean of |s - t| over rows and dimensions of `[n, d]`, a scalar."""
    return (student - teacher).abs().mean()
