"""KL within groups of items that are about equally popular: the teacher's taste without its bias to popular items."""

from __future__ import annotations

import torch
from torch import Tensor

from distill_rec.losses.chunk import Chunk, softmax


def unkd_rows(  # noqa: PLR0913
    student: Tensor,
    teacher: Tensor,
    clicks: Tensor | None,
    mask: Tensor,
    popularity: Tensor,
    groups: int = 4,
    temperature: float = 1.0,
) -> Tensor:
    """Mean over groups g of T² KL(softmax_g(t / T) || softmax_g(s / T)), softmax_g over the group's candidates alone.

    UnKD (Chen et al. 2023, arXiv 2211.14729, stratified distillation: items are parted into groups by popularity, and
    the teacher's order is learned within each); there pairs that are drawn by the teacher's ranks, here all candidates.
    How groups stand to each other is left to the clicks.

    Args:
        student, teacher: scores `[batch, n_candidates]`; a constant added to a group of a row changes nothing.
        clicks: not read.
        mask: bool `[batch, n_candidates]`, false where padded.
        popularity: share of the training clicks below each candidate, that broadcasts to the scores.
        groups: how many, each with about the same training clicks.
        temperature: T.

    Returns:
        `[batch]`; a group of which a row has no candidate is zero.
    """
    lowest = torch.finfo(student.dtype).min
    number = _groups(popularity, groups).expand_as(student)
    total = student.new_zeros(len(student))
    for group in range(groups):
        own = mask & (number == group)
        p = torch.log_softmax((student / temperature).masked_fill(~own, lowest), 1)
        q = torch.log_softmax((teacher / temperature).masked_fill(~own, lowest), 1)
        total = total + (q.exp() * (q - p)).masked_fill(~own, 0.0).sum(1)
    return total * (temperature**2 / groups)


def catalogue_unkd(
    chunk: Chunk, weight: float, popularity: Tensor, groups: int = 4, temperature: float = 1.0
) -> Tensor:
    """The same over all items; each is in one group, so that it costs what one KL does."""
    taught, number = chunk.take_teacher(), _groups(popularity, groups)
    scaled = chunk.share * (weight * temperature / groups)
    slope, total = torch.zeros_like(taught), taught.new_zeros(())
    for group in range(groups):
        own = (number == group).nonzero()[:, 0]
        if not len(own):
            continue
        s, t = (scores.index_select(1, own) / temperature for scores in (chunk.logits, taught))
        (p, log_norm), (q, teacher_norm) = softmax(s), softmax(t)
        divergence = torch.linalg.vecdot(q, t - s)[:, None] - teacher_norm + log_norm
        total = total + temperature * (scaled * divergence).sum()
        slope.index_copy_(1, own, p - q)
    chunk.add(slope, scaled)
    return total


def _groups(popularity: Tensor, groups: int) -> Tensor:
    """Number of each item's group."""
    return (popularity * groups).long().clamp(0, groups - 1)
