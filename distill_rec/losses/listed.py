"""Losses over the catalogue against a teacher that scores a few items of it for each user, and perhaps the rest's mass.

Where the mass of the rest is known it is one more outcome, on both sides. With listed items l, teacher's scores t and
log-mass r of all others, student's logits s and b = log sum over others of exp(s / T):

    KL = sum_l p_l (log p_l - log q_l) + p_R (log p_R - log q_R),
    p = softmax(t_l / T, r_T),  q = softmax(s_l / T, b)

It is the KL between the two distributions with all others lumped together, so never more than the whole one, and its
gradient is that of the whole KL against a teacher whose rest is spread as the student's own is: nothing is claimed of
items that the teacher did not name. (Anshumann et al. 2025, arXiv 2503.16870, on why a teacher's cached first k alone
are a biased target.) At T = 1, r_T = r is exact; at others r is
taken as spread evenly over the m others, r_T = log m + (r - log m) / T, which is the most that it can be. Where the
mass is not known, both sides are distributions over the listed items alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from distill_rec.losses.chunk import Chunk


@dataclass(frozen=True)
class Listed:
    """What a teacher says of each user's items.

    Attributes:
        items: int64 `[n, k]`, numbers within the catalogue that is ranked; 0 where padded.
        scores: `[n, k]`.
        mask: bool `[n, k]`, false where padded.
        rest: `[n]`, log-mass of all other items; NaN where it is not known.
    """

    items: Tensor
    scores: Tensor
    mask: Tensor
    rest: Tensor

    def of(self, chunk: Chunk) -> Listed:
        """That of a chunk's users."""
        part = slice(chunk.start, chunk.start + len(chunk.logits))
        return Listed(self.items[part], self.scores[part], self.mask[part], self.rest[part])


def by_listed(rows: Callable[..., Tensor], listed: Listed) -> Callable[..., Tensor]:
    """A catalogue loss from one that gives a loss per row: over the items that the teacher lists, as if shown alone.

    Args:
        rows: `rows(student, teacher, clicks, mask, **settings)` -> `[batch]`.
    """

    def catalogue(chunk: Chunk, weight: float, **settings: Any) -> Tensor:
        mine = listed.of(chunk)
        share = chunk.share * mine.mask.any(1, keepdim=True) * weight
        clicks = (mine.items == chunk.target) & mine.mask
        with torch.enable_grad():
            student = chunk.logits.gather(1, mine.items).detach().requires_grad_()
            each = rows(student, mine.scores, clicks, mine.mask, **settings)
            (slope,) = torch.autograd.grad(each.sum(), student)
        chunk.add_at(mine.items, slope.masked_fill(~mine.mask, 0.0) * share)
        return (each.detach() * share[:, 0]).sum()

    return catalogue


def listed_kl(chunk: Chunk, weight: float, listed: Listed, temperature: float = 1.0) -> Tensor:
    """T² KL over the listed items and the lump of all others; see the module."""
    mine, lowest = listed.of(chunk), torch.finfo(chunk.logits.dtype).min
    logits = chunk.logits / temperature
    known = ~mine.rest.isnan() & mine.mask.any(1)
    student = [logits.gather(1, mine.items).masked_fill(~mine.mask, lowest)]
    teacher = [(mine.scores / temperature).masked_fill(~mine.mask, lowest)]
    others = None
    if known.any():
        others = _others(logits, mine)
        lump = others.logsumexp(1, keepdim=True).clamp_min(lowest)
        student.append(torch.where(known[:, None], lump, lowest))
        teacher.append(torch.where(known, _rest_at(mine, logits.shape[1], temperature), lowest)[:, None])
    counts = torch.cat([mine.mask, known[:, None]], 1) if others is not None else mine.mask
    q = torch.log_softmax(torch.cat(student, 1), 1)
    p = torch.log_softmax(torch.cat(teacher, 1), 1)
    share = chunk.share * mine.mask.any(1, keepdim=True) * weight
    slope = (q.exp() - p.exp()).masked_fill(~counts, 0.0) * (share * temperature)
    if others is not None:
        shape = torch.softmax(others, 1).nan_to_num(0.0)  # of rows whose every item is listed
        chunk.add(shape, slope[:, -1:])
        slope = slope[:, :-1]
    chunk.add_at(mine.items, slope)
    each = (p.exp() * (p - q)).masked_fill(~counts, 0.0).sum(1)
    return (each * share[:, 0]).sum() * temperature**2


def _others(logits: Tensor, mine: Listed) -> Tensor:
    """The logits `[rows, n_items]`, minus infinity at listed items."""
    n_items = logits.shape[1]
    place = torch.where(mine.mask, mine.items, n_items)  # padding writes beside the row
    return functional.pad(logits, (0, 1)).scatter_(1, place, float("-inf"))[:, :n_items]


def _rest_at(mine: Listed, n_items: int, temperature: float) -> Tensor:
    """Log-mass `[rows]` of the rest at a temperature, as though spread evenly."""
    count = (n_items - mine.mask.sum(1)).clamp_min(1).log()
    rest = count + (mine.rest - count) / temperature
    return rest.clamp_min(torch.finfo(rest.dtype).min)
