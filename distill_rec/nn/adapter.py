"""From a student's vectors to a teacher's space, on the student's side: only training has it."""

from __future__ import annotations

from typing import Literal

from torch import nn

Kind = Literal["auto", "none", "linear", "mlp"]


def make_adapter(kind: Kind, dim: int, teacher_dim: int) -> nn.Module:
    """A map from `[n, dim]` to `[n, teacher_dim]`.

    Args:
        kind: auto: none where the dimensions are the same, else linear. None is for equal dimensions alone.
    """
    if kind == "none" or (kind == "auto" and dim == teacher_dim):
        return nn.Identity()
    if kind in ("auto", "linear"):
        linear = nn.Linear(dim, teacher_dim)
        if dim == teacher_dim:  # begins where a student without one does
            nn.init.eye_(linear.weight)
            nn.init.zeros_(linear.bias)
        return linear
    return nn.Sequential(nn.Linear(dim, teacher_dim), nn.GELU(), nn.Linear(teacher_dim, teacher_dim))
