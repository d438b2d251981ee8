"""The candidates that a teacher ranks first, and how likely a student finds their order."""

from __future__ import annotations

import torch
from torch import Tensor


def teachers_top(student: Tensor, teacher: Tensor, mask: Tensor, top: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Scores of both and mask `[batch, k]` of the teacher's first `top` candidates, best first, and where they stand.

    A row with fewer candidates is padded, false in the mask.
    """
    lowest = torch.finfo(teacher.dtype).min
    order = teacher.masked_fill(~mask, lowest).topk(min(top, teacher.shape[1]), dim=1).indices
    return student.gather(1, order), teacher.gather(1, order), mask.gather(1, order), order


def unlikelihood(s: Tensor, valid: Tensor, rest: Tensor) -> Tensor:
    """Mean over k = 1..K of log(Σ_{i≥k} exp s_i + exp rest) - s_k: Plackett-Luce, what is in `rest` below all K.

    Args:
        s: the student's scores `[batch, K]`, in the order that is to be likely; `[batch, K, K]` is kept.
        valid: bool `[batch, K]`, true first.
        rest: `[batch]`, log Σ exp of the scores that are in no order of their own; the dtype's lowest where none are.

    Returns:
        `[batch]`; zero where none is valid.
    """
    lowest = torch.finfo(s.dtype).min
    s = s.masked_fill(~valid, lowest)
    still = torch.ones(s.shape[1], s.shape[1], dtype=torch.bool, device=s.device).triu()
    later = s[:, None, :].masked_fill(~still, lowest)  # row k: those not yet placed
    normaliser = torch.logsumexp(torch.cat([later, rest[:, None, None].expand(-1, s.shape[1], 1)], 2), 2)
    return (normaliser - s).masked_fill(~valid, 0.0).sum(1) / valid.sum(1).clamp_min(1)
