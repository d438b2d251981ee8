"""A policy over rankings: the gradient of the DCG of Plackett-Luce rankings of the scores, estimated from samples.

A Plackett-Luce policy places one candidate after the other, each by the softmax of the scores of those still left.
"""

from __future__ import annotations

import torch
from torch import Tensor


def discounts(top: int, like: Tensor) -> Tensor:
    """1 / log2(1 + rank) of the first ranks `[top]`."""
    return 1 / torch.log2(torch.arange(2, top + 2, device=like.device, dtype=like.dtype))


def normalised_gains(rewards: Tensor, mask: Tensor, top: int) -> Tensor:
    """Rewards as gains `[batch, n_candidates]` whose best ranking has a DCG of one, the row's least being zero.

    A constant taken off a row changes no gradient (it is earned whatever the order), and every row counts alike; one
    whose rewards are all the same has gains of zero.
    """
    least = rewards.masked_fill(~mask, torch.inf).amin(1, keepdim=True)
    gains = (rewards - least).masked_fill(~mask, 0.0)
    best = gains.sort(1, descending=True).values[:, :top]
    ideal = (best * discounts(best.shape[1], best)).sum(1, keepdim=True)
    return torch.where(ideal > 0, gains / ideal.clamp_min(1e-12), 0.0)


def sampled_rankings(scores: Tensor, mask: Tensor, noise: Tensor) -> Tensor:
    """Rankings `[batch, n_rankings, n_candidates]` as places among the candidates, padding last.

    Scores and Gumbel noise in falling order are a Plackett-Luce sample (Oosterhuis 2021, section 3).

    Args:
        noise: standard Gumbel `[batch, n_rankings, n_candidates]`.
    """
    keys = (scores[:, None, :] + noise).masked_fill(~mask[:, None, :], -torch.inf)
    return keys.argsort(dim=2, descending=True, stable=True)


@torch.no_grad()
def pl_rank(scores: Tensor, gains: Tensor, mask: Tensor, order: Tensor, top: int) -> tuple[Tensor, Tensor]:
    """The mean DCG of sampled rankings, and an estimate of the gradient of its expectation by the scores.

    PL-Rank (Oosterhuis 2021, arXiv 2105.00855; the form of PL-Rank-3, arXiv 2204.10872): a candidate d of rank r gets

        PR_(r+1) + exp(s_d) (g_d DR_r - RI_r),   ranks from `top` on being `top` in DR and RI,

    PR_k the discounted gains from rank k on, DR_r the sum over the ranks up to r of discount / Z_k, RI_r of PR_k / Z_k,
    and Z_k the sum of exp(s) over what is not yet placed at rank k. What d earns itself is counted at every rank where
    it might have stood, by its chance there, so the variance is far below that of plain policy gradients.

    Args:
        scores: `[batch, n_candidates]`; a constant added to a row changes nothing.
        gains: `[batch, n_candidates]`.
        mask: bool `[batch, n_candidates]`, false where padded.
        order: rankings `[batch, n_rankings, n_candidates]`, as `sampled_rankings` gives them.
        top: ranks that earn.

    Returns:
        DCG `[batch]`, and a gradient `[batch, n_candidates]` that leads up; its mean over rankings is the true one.
    """
    n = scores.shape[1]
    top = min(top, n)
    s = scores.double().masked_fill(~mask, -torch.inf)
    s, gain = (_at(order, one) for one in (s - s.amax(1, keepdim=True), gains.double() * mask))
    rest = s.flip(2).logcumsumexp(2).flip(2)[:, :, :top]
    inverse = torch.where(rest.isinf(), 0.0, torch.exp(-rest))
    discount = discounts(top, s)
    earned = (gain[:, :, :top] * discount).flip(2).cumsum(2).flip(2)
    missed = _stretched((earned * inverse).cumsum(2), n)
    might = _stretched((discount * inverse).cumsum(2), n)
    later = torch.nn.functional.pad(earned[:, :, 1:], (0, n - top + 1))
    slope = later + torch.exp(s) * (gain * might - missed)
    gradient = slope.gather(2, order.argsort(2)).mean(1).masked_fill(~mask, 0.0)
    return earned[:, :, 0].mean(1).to(scores), gradient.to(scores)


def _at(order: Tensor, values: Tensor) -> Tensor:
    """Values `[batch, n]` of each ranking's candidates in their order."""
    return values[:, None, :].expand(order.shape).gather(2, order)


def _stretched(values: Tensor, n: int) -> Tensor:
    """`[..., n]`, the last value repeated."""
    return torch.cat([values, values[..., -1:].expand(*values.shape[:-1], n - values.shape[-1])], -1)


def ranking_loss(scores: Tensor, gains: Tensor, mask: Tensor, order: Tensor, top: int) -> Tensor:
    """A scalar: minus the mean DCG of the rankings; its gradient is PL-Rank's, downwards."""
    reward, slope = pl_rank(scores.detach(), gains, mask, order, top)
    lever = (scores.masked_fill(~mask, 0.0) * slope).sum(1)
    return -(reward + lever - lever.detach()).mean()


def first_choice_kl(policy: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
    """KL(policy || reference) of the first place, a scalar, the mean over rows: what leaving the reference costs.

    Args:
        policy, reference: scores `[batch, n_candidates]`.
        mask: bool `[batch, n_candidates]`, false where padded.
    """
    lowest = torch.finfo(policy.dtype).min
    p, q = (torch.log_softmax(one.masked_fill(~mask, lowest), 1) for one in (policy, reference))
    return (p.exp() * (p - q)).masked_fill(~mask, 0.0).sum(1).mean()
