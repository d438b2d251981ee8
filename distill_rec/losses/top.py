"""The candidates that a teacher ranks first."""

from __future__ import annotations

import torch
from torch import Tensor


def teachers_top(student: Tensor, teacher: Tensor, mask: Tensor, top: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Scores of both and mask `[batch, k]` of the teacher's first `top` candidates, best first, and where they stand.

    A row with fewer candidates is padded, false in the mask.
    """
    lowest = torch.finfo(teacher.dtype).min
    order = teacher.masked_fill(~mask, lowest).topk(min(top, teacher.shape[1]), dim=1).indices
    return student.gather(1, order), teacher.gather(1, order), mask.gather(1, order), order
