"""Several user encoders over item vectors that hold theirs in fewer dimensions.

`widen` gives back the vectors that each encoder was trained on, `narrow` brings what they say into the item vectors'
space; where these come from (`distill_rec.merging`) says how near that is to the encoders' own scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from distill_rec.nn.user_encoders import UserEncoder

KIND = "merged"


class MergedUserEncoder(UserEncoder):
    """`narrow([u_1(v_1) | u_2(v_2) | ...])` with `[v_1 | v_2 | ...] = widen(v)`.

    Args:
        parts: the encoders, in the order of their blocks.
        dim: dimensions of item and user vectors.
    """

    def __init__(self, parts: Sequence[UserEncoder], dim: int) -> None:
        nn.Module.__init__(self)
        self.parts = nn.ModuleList(parts)
        self.dims = [part.dim for part in parts]
        self.dim, self.max_history = dim, min(part.max_history for part in parts)
        self.widen = nn.Linear(dim, sum(self.dims))
        self.narrow = nn.Linear(sum(self.dims), dim, bias=False)

    @property
    def empty(self) -> Tensor:  # type: ignore[override]
        """Says where it is, as the empty history's vector of others does."""
        return self.narrow.weight

    def all_positions(self, history: Tensor, mask: Tensor) -> Tensor:
        """See `UserEncoder.all_positions`."""
        each = [part.all_positions(block, mask) for part, block in self._each(history)]
        return cast(Tensor, self.narrow(torch.cat(each, -1)))

    @torch.no_grad()
    def whole(self, history: Tensor, mask: Tensor) -> Tensor:
        """See `UserEncoder.whole`."""
        each = [part.whole(block, mask) for part, block in self._each(history)]
        return cast(Tensor, self.narrow(torch.cat(each, -1)))

    def _each(self, history: Tensor) -> list[tuple[UserEncoder, Tensor]]:
        blocks = self.widen(history).split(self.dims, -1)
        return list(zip(cast(list[UserEncoder], self.parts), blocks, strict=True))
