"""Similarities between the items of a batch: a student's are to be the teacher's, whatever the dimensions."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def relational_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean over pairs i, j of (cos(s_i, s_j) - cos(t_i, t_j))² (Tung and Mori 2019, similarity-preserving distillation,
    arXiv 1907.09682, eq. 4, with cosines where that normalises rows of the similarity matrix).

    With rows of unit length in S and T, ||SSᵀ - TTᵀ||² = ||SᵀS||² - 2||SᵀT||² + ||TᵀT||²: nothing of size n² is made.

    Args:
        student: `[n, d]`, not through an adapter.
        teacher: `[n, d_teacher]`.

    Returns:
        A scalar.
    """
    s, t = functional.normalize(student, dim=1), functional.normalize(teacher, dim=1)
    squares = (s.t() @ s).square().sum() - 2 * (s.t() @ t).square().sum() + (t.t() @ t).square().sum()
    return squares / len(s) ** 2
