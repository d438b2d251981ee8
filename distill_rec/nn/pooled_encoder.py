"""A text encoder over vectors that are there already: a frozen trunk's, or a file's."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from distill_rec.nn.recommender import TextEncoder
from distill_rec.nn.text_head import TextHead


class PooledEncoder(TextEncoder):
    """`head(pooled[row])`.

    Args:
        pooled: `[n_texts, width]`, normalised once here, because no weight before the projection learns.
        head: fitted head.
    """

    normalised: Tensor

    def __init__(self, pooled: Tensor, head: TextHead) -> None:
        super().__init__()
        self.n_texts, self.dim = len(pooled), head.projection.linear.out_features
        self.head = head
        with torch.no_grad():
            self.register_buffer("normalised", head.normalise(pooled), persistent=False)

    @property
    def bias(self) -> nn.Parameter:
        return self.head.projection.linear.bias

    def forward(self, rows: Tensor) -> Tensor:
        return self.head.projection(torch.nn.functional.embedding(rows, self.normalised))  # type: ignore[no-any-return]


class NoText(TextEncoder):
    """No text part: with free offsets alone, an id-only model (SASRec where the user encoder is causal)."""

    zero: Tensor

    def __init__(self, n_texts: int, dim: int) -> None:
        super().__init__()
        self.n_texts, self.dim = n_texts, dim
        self.register_buffer("zero", torch.zeros(1, dim), persistent=False)

    def forward(self, rows: Tensor) -> Tensor:
        return self.zero.expand(len(rows), self.dim)

    def encode(self, rows: Tensor | None = None) -> Tensor:
        return self.zero.expand(self.n_texts if rows is None else len(rows), self.dim)
