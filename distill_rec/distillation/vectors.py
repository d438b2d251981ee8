"""Losses between a student's vectors and a teacher's, of items or of users."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from distill_rec.losses.active import Active
from distill_rec.nn.adapter import adapt


def known_blocks(vectors: Tensor, dims: list[int]) -> Tensor:
    """One in the blocks of vectors `[n, d]` side by side whose teacher knows the row, zero in the others."""
    return torch.cat([(block != 0).any(1, keepdim=True).expand_as(block) for block in vectors.split(dims, 1)], 1)


def of_vectors(
    losses: list[Active], student: Tensor, teacher: Tensor, adapter: nn.Module, known: Tensor | None = None
) -> Tensor:
    """Sum of losses of vectors `[n, d]`, those that want it through the adapter.

    Args:
        known: bool `[n, d]`, numbers of the teacher's that mean something; all where not given.
    """
    loss = student.new_zeros(())
    adapted = adapt(adapter, student, teacher) if any(one.spec.adapter for one in losses) else student
    if known is not None and adapted.shape == known.shape:
        adapted = adapted * known
    for one in losses:
        loss = loss + one.of_vectors(adapted if one.spec.adapter else student, teacher)
    return loss
