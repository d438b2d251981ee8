"""Free offsets of warm items: what identity carries and text does not."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ItemOffsets(nn.Module):
    """b_i of v_i = text_i + b_i; zero for items without a training click.

    Args:
        warm: bool `[n_items]`, items with a training click.
        dim: dimensions of an item vector.
        drop: share of items without their offset in a training batch, so that the text part stays able to stand alone.
        spread: standard deviation of the initial offsets; 0 but for a model that has no text.
    """

    warm: Tensor

    def __init__(self, warm: Tensor, dim: int, drop: float = 0.3, spread: float = 0.0) -> None:
        super().__init__()
        self.drop = drop
        self.weight = nn.Parameter(torch.randn(len(warm), dim) * spread * warm[:, None])
        self.register_buffer("warm", warm)

    def forward(self, items: Tensor | None = None) -> Tensor:
        """Offsets `[n, dim]` of the items (all where not given); dropped at random in training."""
        whole = self.whole(items)
        if self.training and self.drop > 0:
            whole = whole * (torch.rand(len(whole), device=whole.device) >= self.drop)[:, None]
        return whole

    def whole(self, items: Tensor | None = None) -> Tensor:
        """The same, none dropped."""
        weight = self.weight if items is None else nn.functional.embedding(items, self.weight)
        keep = (self.warm if items is None else self.warm[items]).to(weight.dtype)
        return weight * keep[:, None]
