"""Cross-entropy of the clicks: against the candidates shown and not clicked, or against the whole catalogue."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from distill_rec.losses.chunk import Chunk


def impression_click_loss(student: Tensor, teacher: Tensor | None, clicks: Tensor, mask: Tensor) -> Tensor:
    """Softmax cross-entropy of each click against the candidates shown and not clicked (NAML, eq. 13, all negatives).

    Args:
        student: scores `[batch, n_candidates]`.
        teacher: not read.
        clicks: bool `[batch, n_candidates]`, true where clicked.
        mask: bool `[batch, n_candidates]`, false where padded.

    Returns:
        A scalar, the mean over clicks.
    """
    negatives = student.masked_fill(clicks | ~mask, -torch.inf)
    # A row without negatives has the normaliser of its click alone: a loss of 0, and a finite gradient.
    normaliser = torch.logsumexp(torch.where(negatives.isinf().all(1, keepdim=True), -1e30, negatives), 1)
    return functional.softplus(normaliser[:, None] - student)[clicks].mean()


def catalogue_click(chunk: Chunk, weight: float) -> Tensor:
    """-log softmax(s)_target over all items; by the logits, softmax(s) less one at the target."""
    p, log_norm = chunk.softmax()
    chunk.add(p, chunk.share * weight)
    chunk.add_to_targets(-weight * chunk.of_targets)
    total: Tensor = weight * ((chunk.to_targets(log_norm) - chunk.at_targets(chunk.logits)) * chunk.of_targets).sum()
    return total
