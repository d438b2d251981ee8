"""The static text encoder: a table of sub-word vectors, their mean, a projection. No neural network over tokens."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from distill_rec.data.ragged import Ragged
from distill_rec.nn.projection import Projection
from distill_rec.nn.recommender import TextEncoder


class StaticEncoder(TextEncoder):
    """`projection(normalise(mean of the text's rows))`.

    Only sub-words of training texts are rows of the table, so that no optimiser works on rows that never change.
    The others are rows of `fallback`, fixed while training and fitted after it (`set_fallback`).

    Args:
        vocabulary: int32 `[n_tokens]`; row of the table (>= 0), or -1 - row of the fallback.
        table: `[n_rows, table_dim]`, initial vectors; a token's weight is its row's length.
        fallback: `[n_others, table_dim]`.
        tokens: rows of token ids of each text, no special tokens, unknown ones dropped.
    """

    vocabulary: Tensor
    fallback: Tensor

    def __init__(
        self, vocabulary: Tensor, table: Tensor, fallback: Tensor, projection: Projection, tokens: Ragged
    ) -> None:
        super().__init__()
        self.dim = projection.linear.out_features
        self.register_buffer("vocabulary", vocabulary)
        self.table = nn.Parameter(table)
        self.register_buffer("fallback", torch.zeros(len(fallback), table.shape[1], dtype=torch.int8))
        self.register_buffer("fallback_scale", torch.zeros(len(fallback)))
        self.fallback_scale: Tensor
        self.set_fallback(fallback)
        self.no_tokens = nn.Parameter(torch.zeros(table.shape[1]))
        nn.init.normal_(self.no_tokens, std=float(table.std()) if len(table) else 1.0)
        self.projection = projection
        self.set_texts(tokens)

    def set_texts(self, tokens: Ragged) -> None:
        """Encode other texts from now on."""
        self.n_texts = len(tokens)
        vocabulary = self.vocabulary.cpu().numpy()
        self.rows = Ragged(vocabulary[tokens.values].astype(np.int64), tokens.offsets)

    def set_fallback(self, vectors: Tensor) -> None:
        """Store vectors `[n_others, table_dim]` in int8, one scale per row; every later use reads the rounded ones."""
        scale = vectors.abs().amax(1).clamp_min(1e-12) / 127 if len(vectors) else vectors.new_zeros(0)
        self.fallback_scale.copy_(scale)
        self.fallback.copy_((vectors / scale[:, None]).round())

    def table_parameters(self) -> list[nn.Parameter]:
        return [self.table]

    def chunks(self, rows: Tensor) -> list[Tensor]:
        return list(rows.split(65536)) if len(rows) else []

    def mean(self, rows: Tensor) -> Tensor:
        """Mean row of each text `[n, table_dim]`; the learned vector where a text has no tokens."""
        part = self.rows.take(rows.cpu().numpy())
        index = torch.from_numpy(part.values).to(rows.device)
        table: Tensor = self.table
        if bool((index < 0).any()):
            others = self.fallback.to(table.dtype) * self.fallback_scale[:, None].to(table.dtype)
            table = torch.cat([table, others])
            index = torch.where(index < 0, len(self.table) - 1 - index, index)
        offsets = torch.from_numpy(part.offsets[:-1]).to(rows.device)
        means = functional.embedding_bag(index, table, offsets, mode="mean")
        empty = torch.from_numpy(part.lengths == 0).to(rows.device)
        return torch.where(empty[:, None], self.no_tokens, means)

    @property
    def bias(self) -> nn.Parameter:
        return self.projection.linear.bias

    def forward(self, rows: Tensor) -> Tensor:
        mean = self.mean(rows)
        unit = mean / mean.norm(dim=1, keepdim=True).clamp_min(1e-12)
        return self.projection(unit)  # type: ignore[no-any-return]

    def tensors(self) -> dict[str, NDArray[np.generic]]:
        """The arrays of an artifact's `static.safetensors`."""
        content = {
            "row": self.vocabulary.int(),
            "table": self.table,
            "fallback": self.fallback,
            "fallback_scale": self.fallback_scale,
            "no_tokens": self.no_tokens,
        }
        content |= {f"projection.{name}": value for name, value in self.projection.state_dict().items()}
        return {name: value.detach().cpu().numpy() for name, value in content.items()}
