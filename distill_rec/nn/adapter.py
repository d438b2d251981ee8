"""From a student's vectors to a teacher's space, on the student's side: only training has it."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from distill_rec.nn.experts import Experts

Kind = Literal["auto", "none", "linear", "mlp", "experts"]


def make_adapter(kind: Kind, dim: int, teacher_dim: int, experts: int = 1) -> nn.Module:
    """A map from `[n, dim]` to `[n, teacher_dim]`, to be called by `adapt`.

    Args:
        kind: auto: none where the dimensions are the same, else linear. None is for equal dimensions alone.
        experts: how many, where the kind is experts.
    """
    if kind == "none" or (kind == "auto" and dim == teacher_dim):
        return nn.Identity()
    if kind == "experts":
        return Experts(dim, teacher_dim, experts)
    if kind in ("auto", "linear"):
        linear = nn.Linear(dim, teacher_dim)
        if dim == teacher_dim:  # begins where a student without one does
            nn.init.eye_(linear.weight)
            nn.init.zeros_(linear.bias)
        return linear
    return nn.Sequential(nn.Linear(dim, teacher_dim), nn.GELU(), nn.Linear(teacher_dim, teacher_dim))


def adapt(adapter: nn.Module, student: Tensor, teacher: Tensor) -> Tensor:
    """Vectors `[n, dim]` in the teacher's space.

    Args:
        teacher: `[n, teacher_dim]` of the same rows, by which experts are chosen; the other kinds do not read it.
    """
    mapped: Tensor = adapter(student, teacher) if isinstance(adapter, Experts) else adapter(student)
    return mapped
