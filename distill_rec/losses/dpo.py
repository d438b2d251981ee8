"""Direct preference optimisation: a clicked candidate over ones that were not, measured from a frozen reference."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

NONE = -1
"""In the place of a rejected candidate, where an impression has fewer."""


def draw_rejected(
    clicks: NDArray[np.bool_], shown: NDArray[np.bool_], count: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Places `[batch, k]` of at most `count` different candidates of each row that were shown and not clicked.

    Args:
        clicks, shown: bool `[batch, n_candidates]`.
    """
    keys = np.where(shown & ~clicks, generator.random(shown.shape), np.inf)
    places = np.argsort(keys, axis=1, kind="stable")[:, :count]
    return np.where(np.isinf(np.take_along_axis(keys, places, 1)), NONE, places)


def rejected_margins(margins: Tensor, rejected: Tensor) -> tuple[Tensor, Tensor]:
    """Those of the rejected candidates `[batch, k]`, and which are real."""
    real = rejected != NONE
    return margins.gather(1, rejected.clamp_min(0)), real


def dpo_loss(policy: Tensor, reference: Tensor, clicks: Tensor, rejected: Tensor, beta: float) -> Tensor:
    """-log sigmoid(beta (m_w - m_l)), m = policy - reference, over pairs of a clicked w and a rejected l.

    Rafailov et al. 2023 (DPO, arXiv 2305.18290), eq. 7, for a policy that is the softmax of the scores: its normaliser
    is the same for both candidates of a pair and cancels, so that scores stand where log-probabilities do.

    Args:
        policy, reference: scores `[batch, n_candidates]`; a constant added to a row changes nothing.
        clicks: bool `[batch, n_candidates]`.
        rejected: int64 `[batch, k]`, places among the candidates; `NONE` where there is none.
        beta: how dear it is to leave the reference; the less, the further the policy goes.

    Returns:
        A scalar: the mean over a click's pairs, then over clicks; zero where there is no pair.
    """
    margins = policy - reference
    lost, real = rejected_margins(margins, rejected)
    each = functional.softplus(beta * (lost[:, None, :] - margins[:, :, None]))
    pairs = clicks[:, :, None] & real[:, None, :]
    share = pairs / real.sum(1).clamp_min(1)[:, None, None]
    return (each * share).sum() / share.sum().clamp_min(1e-12)
