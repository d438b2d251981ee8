"""Ranking distillation: the teacher's first items are to score high, the more so the more a place in its list tells."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from distill_rec.losses.top import teachers_top


def rd_rows(  # noqa: PLR0913
    student: Tensor,
    teacher: Tensor,
    clicks: Tensor | None,
    mask: Tensor,
    top: int = 20,
    decay: float = 10.0,
    agreement: float = 0.0,
) -> Tensor:
    """Σ_k w_k · -log σ(s_π(k)) over the teacher's first K = `top` candidates π(1..K), weights that sum to one.

    By place w_k is proportional to exp(-k / decay) (RD, Tang and Wang 2018, arXiv 1809.07428, their weighting by
    position). A share `agreement` of the weights goes to those that are among the student's own first K, which it can
    follow (DLLM2Rec, Cui et al. 2024, arXiv 2405.00338, teacher-student consistency); where none is, all go by place.

    Args:
        student, teacher: scores `[batch, n_candidates]`; of the teacher's only the order is read.
        clicks: not read.
        mask: bool `[batch, n_candidates]`, false where padded.
        top: K.
        decay: places after which a weight has fallen to 1/e.
        agreement: from 0 to 1.

    Returns:
        `[batch]`; zero for a row without candidates.
    """
    s, _, valid, order = teachers_top(student, teacher, mask, top)
    place = torch.arange(s.shape[1], device=s.device, dtype=s.dtype)
    by_place = _shares(torch.exp(-place / decay).expand_as(s) * valid)
    own = torch.zeros_like(mask).scatter_(1, teachers_top(student, student.detach(), mask, top)[3], True)
    agreed = _shares((own.gather(1, order) & valid).to(s.dtype))
    agreed = torch.where(agreed.sum(1, keepdim=True) > 0, agreed, by_place)
    weights = (1 - agreement) * by_place + agreement * agreed
    return (weights * functional.softplus(-s.masked_fill(~valid, 0.0))).sum(1)


def _shares(values: Tensor) -> Tensor:
    """Of each row's sum; zeros where that is zero."""
    return values / values.sum(1, keepdim=True).clamp_min(torch.finfo(values.dtype).tiny)
