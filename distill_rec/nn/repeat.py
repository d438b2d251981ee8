"""The learned repeat term of a model."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from distill_rec.artifact.repeat import BUCKETS


class RepeatTerm(nn.Module):
    """r of the score v·u + r, for items of the history; begins as zero.

    Args:
        by_recency: a number for each bucket of ages (`distill_rec.artifact.repeat`); else one for all.
    """

    def __init__(self, by_recency: bool) -> None:
        super().__init__()
        self.numbers = nn.Parameter(torch.zeros(BUCKETS if by_recency else 1))

    def forward(self) -> Tensor:
        """The number of each bucket `[BUCKETS]`."""
        return self.numbers.expand(BUCKETS)

    def start_from(self, numbers: Tensor) -> None:
        """Begin as another's numbers `[BUCKETS]`; as their mean where one number stands for all."""
        with torch.no_grad():
            self.numbers.copy_(numbers if len(self.numbers) == BUCKETS else numbers.mean())
