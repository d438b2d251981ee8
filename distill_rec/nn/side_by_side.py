"""Several models of item and user vectors as one: their vectors side by side, so that its scores are a sum of theirs.

With item vectors `[v_1 | v_2 | ...]` and user vectors `[w_1 u_1 | w_2 u_2 | ...]` the dot product is the sum of
w_t (v_t . u_t). A block that is zero says that its model does not know the item; the blocks of those that do are
lengthened, as if each model that knows nothing agreed with the weighted mean of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from distill_rec.nn.user_encoders import UserEncoder

KIND = "side-by-side"


class SideBySide(UserEncoder):
    """The user vectors of several encoders, each over its own block of the item vectors.

    Args:
        parts: the encoders, in the order of their blocks.
        weights: factor of each one's user vectors, so of its scores.
    """

    weights: Tensor

    def __init__(self, parts: Sequence[UserEncoder], weights: Sequence[float]) -> None:
        nn.Module.__init__(self)
        self.parts = nn.ModuleList(parts)
        self.dims = [part.dim for part in parts]
        self.dim, self.max_history = sum(self.dims), min(part.max_history for part in parts)
        self.register_buffer("weights", torch.tensor(list(weights), dtype=torch.float32))
        self.register_buffer("empty", torch.zeros(self.dim))  # says where it is, as the empty history of others does

    def all_positions(self, history: Tensor, mask: Tensor) -> Tensor:
        """See `UserEncoder.all_positions`; `history` are the lengthened vectors, `[batch, length, dim]`."""
        return torch.cat([part.all_positions(block, mask) * weight for part, block, weight in self._each(history)], -1)

    def whole(self, history: Tensor, mask: Tensor) -> Tensor:
        """See `UserEncoder.whole`."""
        return torch.cat([part.whole(block, mask) * weight for part, block, weight in self._each(history)], -1)

    def _each(self, history: Tensor) -> list[tuple[UserEncoder, Tensor, Tensor]]:
        """Encoder, own item vectors and weight of each model."""
        blocks = shortened(history.split(self.dims, -1), self.weights)
        return list(zip(cast(list[UserEncoder], self.parts), blocks, self.weights, strict=True))


def lengths(known: Tensor, weights: Tensor) -> Tensor:
    """Factor of an item's blocks, so that the weights of the models that know it add up to those of all.

    Args:
        known: bool `[..., models]`.
        weights: `[models]`.

    Returns:
        `[...]`; one where all know it, and where none with a weight does.
    """
    among = (known * weights).sum(-1)
    stretched = weights.sum() / torch.where(among > 0, among, 1.0)
    return torch.where(known.all(-1) | (among <= 0), 1.0, stretched)


def shortened(blocks: Sequence[Tensor], weights: Tensor) -> list[Tensor]:
    """Each model's own vectors from the lengthened ones `[..., dim_t]`."""
    factor = lengths(torch.stack([(block != 0).any(-1) for block in blocks], -1), weights)
    return [block / factor[..., None] for block in blocks]


def weighed(users: Tensor, dims: Sequence[int], factors: Tensor) -> Tensor:
    """User vectors `[n, sum of dims]` with each model's block times its factor of the row, `[n, models]`."""
    blocks = zip(users.split(list(dims), -1), factors.split(1, -1), strict=True)
    return torch.cat([block * factor for block, factor in blocks], -1)


def joined(
    blocks: Sequence[NDArray[np.float32]], known: NDArray[np.bool_], weights: Sequence[float]
) -> NDArray[np.float32]:
    """Item vectors of all, side by side.

    Args:
        blocks: per model `[n_items, dim_t]`.
        known: `[n_items, models]`; the block of a model that does not know an item is zero.

    Returns:
        `[n_items, sum of dim_t]`.
    """
    factor = lengths(torch.from_numpy(known), torch.tensor(list(weights), dtype=torch.float32)).numpy()
    return np.concatenate(
        [np.where(known[:, number, None], block, 0) * factor[:, None] for number, block in enumerate(blocks)], axis=1
    ).astype(np.float32)
