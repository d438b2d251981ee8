"""The angle between a student's vectors (through its adapter) and a teacher's."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def cosine_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """1 - cosine of each pair, `[n, d]` and `[n, d]` to a scalar mean (DistilBERT, arXiv 1910.01108, section 3)."""
    return 1 - functional.cosine_similarity(student, teacher, dim=1, eps=1e-8).mean()
