"""DPO with several rejected candidates at once: the softmax in the place of the pair."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from distill_rec.losses.dpo import rejected_margins


def s_dpo_loss(policy: Tensor, reference: Tensor, clicks: Tensor, rejected: Tensor, beta: float) -> Tensor:
    """-log sigmoid(-log sum_l exp(beta (m_l - m_w))), m = policy - reference, w clicked, l over the rejected ones.

    Chen et al. 2024 (S-DPO, arXiv 2406.09215), section 3. With one rejected candidate it is DPO; with all
    of them it is the click loss of supervised training, over beta times the margins in place of the scores.

    Args:
        policy, reference: scores `[batch, n_candidates]`; a constant added to a row changes nothing.
        clicks: bool `[batch, n_candidates]`.
        rejected: int64 `[batch, k]`, places among the candidates; `dpo.NONE` where there is none.
        beta: as in `dpo_loss`.

    Returns:
        A scalar, the mean over clicks of rows with a rejected candidate; zero where there is none.
    """
    margins = policy - reference
    lost, real = rejected_margins(margins, rejected)
    some = real.any(1, keepdim=True)
    lost = (beta * lost).masked_fill(~real, torch.finfo(lost.dtype).min)
    each = functional.softplus(torch.logsumexp(lost, 1, keepdim=True) - beta * margins)
    counted = clicks & some
    return each.masked_fill(~counted, 0.0).sum() / counted.sum().clamp_min(1)
