"""KL divergence between softened score distributions (Hinton et al. 2015, arXiv 1503.02531, section 2)."""

from __future__ import annotations

import torch
from torch import Tensor

from distill_rec.losses.chunk import Chunk, softmax


def kl_loss(student: Tensor, teacher: Tensor, clicks: Tensor | None, mask: Tensor, temperature: float = 1.0) -> Tensor:
    """T² KL(softmax(t / T) || softmax(s / T)) over candidates.

    Args:
        student: scores s `[batch, n_candidates]`.
        teacher: scores t `[batch, n_candidates]`, no gradient.
        clicks: not read.
        mask: bool `[batch, n_candidates]`, false where padded.
        temperature: T; its square keeps the gradient's size.

    Returns:
        A scalar, the mean over rows.
    """
    lowest = torch.finfo(student.dtype).min
    p = torch.log_softmax((student / temperature).masked_fill(~mask, lowest), 1)
    q = torch.log_softmax((teacher / temperature).masked_fill(~mask, lowest), 1)
    divergence = (q.exp() * (q - p)).masked_fill(~mask, 0.0).sum(1)
    return divergence.mean() * temperature**2


def catalogue_kl(chunk: Chunk, weight: float, temperature: float = 1.0) -> Tensor:
    """The same over all items; by the logits, T (softmax(s / T) - softmax(t / T))."""
    logits, teacher_logits = chunk.logits, chunk.take_teacher()
    if temperature == 1.0:
        p, log_norm = chunk.softmax()
    else:
        logits = logits / temperature
        p, log_norm = softmax(logits)
        teacher_logits.div_(temperature)
    q, teacher_norm = softmax(teacher_logits)
    # KL = sum q (log q - log p); both logs are logits less their normaliser, so that q = 0 costs nothing.
    cross = torch.linalg.vecdot(q, teacher_logits.sub_(logits))[:, None]
    scaled = chunk.share * (weight * temperature)
    chunk.add(p, scaled)
    chunk.add(q, scaled, sign=-1)
    total: Tensor = temperature * (scaled * (cross - teacher_norm + log_norm)).sum()
    return total
