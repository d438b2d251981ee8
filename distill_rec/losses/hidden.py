"""The states of a text's tokens after a layer: a student's (through its learned map) are to be the teacher's."""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn import functional


def hidden_loss(student: Tensor, teacher: Tensor, mask: Tensor, by: Literal["cosine", "mse"] = "cosine") -> Tensor:
    """Distance of token states after layers that belong together, the mean over texts.

    "mse" is sum ||s - t||² over the tokens of a text over their sum ||t||² (TinyBERT, Jiao et al. 2020, arXiv
    1909.10351, eq. 8; over the teacher's norm as `item_mse` is). "cosine" is the mean over tokens of 1 - cos(s, t) (the
    distance of directions that patient distillation, Sun et al. 2019, arXiv 1908.09355, eq. 7, has of one token).

    Args:
        student: `[n, tokens, width]`, as wide as the teacher's.
        teacher: `[n, tokens, width]`.
        mask: bool `[n, tokens]`, false where padded.

    Returns:
        A scalar; a text without tokens counts as zero.
    """
    if by == "cosine":
        apart = 1 - functional.cosine_similarity(student, teacher, dim=2, eps=1e-8)
        return ((apart * mask).sum(1) / mask.sum(1).clamp_min(1)).mean()
    apart, size = ((one.square().sum(2) * mask).sum(1) for one in (student - teacher, teacher))
    return (apart / size.clamp_min(1e-12)).mean()
