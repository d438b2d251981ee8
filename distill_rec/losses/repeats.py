"""Where a repeat term stands in the logits of the whole catalogue, and what its gradient is there."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from distill_rec.artifact.repeat import BUCKETS


@dataclass(frozen=True)
class RepeatPlaces:
    """Each distinct item of each row's history, once.

    Attributes:
        starts: `[n_rows + 1]`, where the places of each row begin.
        row, item, bucket: int64 `[n_places]`, by row.
    """

    starts: list[int]
    row: Tensor
    item: Tensor
    bucket: Tensor

    def of_rows(self, start: int, stop: int, n_items: int) -> tuple[Tensor, Tensor]:
        """Places among the logits of these rows, `[stop - start, n_items]` laid flat, and their buckets."""
        part = slice(self.starts[start], self.starts[stop])
        return (self.row[part] - start) * n_items + self.item[part], self.bucket[part]


def add_at(logits: Tensor, at: Tensor, bucket: Tensor, numbers: Tensor) -> None:
    """Add to flat places of `logits`, in place, the number of each one's bucket."""
    logits.view(-1).scatter_add_(0, at, numbers.to(logits.dtype)[bucket])


def gradient_at(gradient: Tensor, at: Tensor, bucket: Tensor) -> Tensor:
    """By the numbers `[BUCKETS]`, in float64: the sum of the gradient by the logits over each bucket's places."""
    return torch.bincount(bucket, gradient.reshape(-1)[at].double(), BUCKETS)
