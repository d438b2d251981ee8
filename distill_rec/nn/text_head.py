"""The head's text side: attention over tokens where asked, whitening, projection."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from distill_rec.nn.projection import Projection, principal_directions, whitening


class TokenAttention(nn.Module):
    """Additive attention over tokens (NAML, eq. 7-8); starts as their mean, because the query is zero."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(width, width)
        self.query = nn.Parameter(torch.zeros(width))

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """`[n, tokens, width]` and bool `[n, tokens]` to `[n, width]`; zero for a text without tokens."""
        logits = torch.tanh(self.project(hidden)) @ self.query
        weights = torch.softmax(logits.masked_fill(~mask, -1e9), 1) * mask
        return (hidden * weights[..., None]).sum(1)


class TextHead(nn.Module):
    """From a pooled text `[n, width]` to the text part of an item vector `[n, dim]`.

    Without whitening the pooled vector is scaled to unit length, and the linear map starts as the catalogue's
    principal directions: with `dim` = `width` an untrained head ranks exactly as the untrained PLM does.

    Args:
        whiten: decorrelate the pooled vectors with the catalogue's covariance (Su et al. 2021) instead.
        attention: pool over tokens with learned attention.
    """

    mean: Tensor
    matrix: Tensor

    def __init__(self, width: int, dim: int, hidden: int = 0, whiten: bool = False, attention: bool = False) -> None:
        super().__init__()
        self.whiten = whiten
        self.attention = TokenAttention(width) if attention else None
        self.projection = Projection(width, dim, hidden)
        self.register_buffer("mean", torch.zeros(width if whiten else 0))
        self.register_buffer("matrix", torch.zeros((width, width) if whiten else (0, 0)))

    def fit(self, pooled: Tensor) -> None:
        """Fit whitening and the projection's start on pooled vectors `[n, width]` of training texts."""
        if self.whiten:
            mean, matrix = whitening(pooled)
            self.mean.copy_(mean)
            self.matrix.copy_(matrix)
        dim = self.projection.linear.out_features
        x = self.normalise(pooled)
        if self.whiten:
            # Whitened directions are alike in size and sorted: the first ones, scaled to keep unit length.
            directions = torch.eye(x.shape[1], dim, dtype=x.dtype) * (x.shape[1] / min(dim, x.shape[1])) ** 0.5
        else:
            directions = principal_directions(x, dim)
        self.projection.start_from(directions)

    def normalise(self, pooled: Tensor) -> Tensor:
        """Whitened, or of unit length."""
        if self.whiten:
            return (pooled - self.mean) @ self.matrix
        unit: Tensor = pooled / pooled.norm(dim=1, keepdim=True).clamp_min(1e-12)
        return unit

    def forward(self, pooled: Tensor) -> Tensor:
        return self.projection(self.normalise(pooled))  # type: ignore[no-any-return]
