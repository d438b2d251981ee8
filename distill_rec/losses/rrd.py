"""Relaxed ranking distillation: the order of some of the teacher's first items, and a sample of the rest below them."""

from __future__ import annotations

import torch
from torch import Tensor

from distill_rec.losses.top import teachers_top, unlikelihood

DEPTH = 5
"""Times as many of the teacher's first items as are ordered: those that are drawn from."""


def rrd_rows(  # noqa: PLR0913
    student: Tensor,
    teacher: Tensor,
    clicks: Tensor | None,
    mask: Tensor,
    top: int = 20,
    rest: int = 100,
    decay: float = 10.0,
) -> Tensor:
    """Mean over k = 1..K of log(Σ_{i≥k} exp s_π(i) + Σ_{l=1..L} exp s_l) - s_π(k), π the teacher's order of K items.

    RRD (Kang et al. 2020, DE-RRD, arXiv 2012.04357, section 4.2): the K = `top` items are drawn without replacement
    from the teacher's first, the one at place p by exp(-p / decay); the L = `rest` evenly from all that the teacher
    ranks below the last of these, here with replacement, and all of them where a row has no more than L candidates.
    `listwise` is the same of the first K and all others. Draws are of torch's own generator, as a dropout's are, so a
    killed run goes on with the same ones.

    Args:
        student, teacher: scores `[batch, n_candidates]`; a constant added to a row changes nothing.
        clicks: not read.
        mask: bool `[batch, n_candidates]`, false where padded.
        top: K; `[batch, K, K]` is kept.
        rest: L.
        decay: places after which the chance to be among the K has fallen to 1/e.

    Returns:
        `[batch]`; zero for a row without candidates.
    """
    _, t, valid, order = teachers_top(student, teacher, mask, DEPTH * top)
    drawn = _drawn_places(valid, top, decay)
    valid, order, t = (one.gather(1, drawn) for one in (valid, order, t))
    last = t.masked_fill(~valid, torch.inf).amin(1, keepdim=True)
    below = mask & (teacher < last)
    scores = student
    if student.shape[1] > rest:
        others = torch.randint(student.shape[1], (len(student), rest), device=student.device)
        scores, below = student.gather(1, others), below.gather(1, others)
    lump = torch.logsumexp(scores.masked_fill(~below, torch.finfo(student.dtype).min), 1)
    return unlikelihood(student.gather(1, order), valid, lump)


def _drawn_places(valid: Tensor, top: int, decay: float) -> Tensor:
    """Places `[batch, K]`, rising, drawn without replacement (Gumbel noise on log-chances, the K largest)."""
    depth = valid.shape[1]
    place = torch.arange(depth, device=valid.device)
    if depth <= top:
        return place.expand_as(valid)
    noise = -torch.empty(valid.shape, device=valid.device).exponential_().log()
    keys = (noise - place / decay).masked_fill(~valid, -torch.inf)
    return keys.topk(top, dim=1).indices.sort(1).values
