"""Plackett-Luce likelihood of the teacher's order of its first candidates, all others below them."""

from __future__ import annotations

import torch
from torch import Tensor

from distill_rec.losses.top import teachers_top, unlikelihood


def listwise_rows(student: Tensor, teacher: Tensor, clicks: Tensor | None, mask: Tensor, top: int = 20) -> Tensor:
    """Mean over k = 1..K of log(Σ_{i≥k} exp s_π(i) + Σ_{others} exp s) - s_π(k), π the teacher's order and K = `top`.

    ListMLE (Xia et al. 2008) cut at K, with the rest in every denominator and in no order of its own: RRD's relaxed
    ranking likelihood (Kang et al. 2020, DE-RRD, arXiv 2012.04357, section 4), with all other items where that draws a
    sample, as `rrd` does. It reads the teacher's order and not its scores, and is not least where student equals
    teacher.

    Args:
        student, teacher: scores `[batch, n_candidates]`; a constant added to a row changes nothing.
        clicks: not read.
        mask: bool `[batch, n_candidates]`, false where padded.
        top: K; `[batch, K, K]` is kept.

    Returns:
        `[batch]`; zero for a row without candidates.
    """
    s, _, valid, order = teachers_top(student, teacher, mask, top)
    others = mask.scatter(1, order, False)
    rest = torch.logsumexp(student.masked_fill(~others, torch.finfo(student.dtype).min), 1)
    return unlikelihood(s, valid, rest)
