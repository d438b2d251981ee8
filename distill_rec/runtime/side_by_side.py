"""Several user encoders as one, in numpy; twin of `distill_rec.nn.side_by_side`, which documents it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from distill_rec.runtime.arrays import Floats
from distill_rec.runtime.user_encoders import UserEncoder


class SideBySide:
    """The user vectors of several encoders, each over its own block of the item vectors.

    Args:
        parts: the encoders.
        dims: of each one's block.
        weights: factor of each one's user vectors.
    """

    def __init__(self, parts: Sequence[UserEncoder], dims: Sequence[int], weights: Sequence[float]) -> None:
        self._parts, self._weights = list(parts), np.asarray(weights, dtype=np.float32)
        self._places = np.cumsum(dims)[:-1]

    def prepare(self, vectors: Floats) -> Floats | None:
        return None

    def encode(self, history: Floats, prepared: Floats | None) -> Floats:
        blocks = self._own_blocks(history)
        users = [part.encode(block, None) * weight for part, block, weight in self._each(blocks)]
        return np.asarray(np.concatenate(users), dtype=np.float32)

    def shares(self, history: Floats, prepared: Floats | None) -> Floats:
        """The weighted mean of the parts' shares."""
        shares = [part.shares(block, None) * weight for part, block, weight in self._each(self._own_blocks(history))]
        return np.asarray(np.sum(shares, axis=0) / max(float(self._weights.sum()), 1e-30), dtype=np.float32)

    def _each(self, blocks: list[Floats]) -> list[tuple[UserEncoder, Floats, np.float32]]:
        return list(zip(self._parts, blocks, self._weights, strict=True))

    def _own_blocks(self, history: Floats) -> list[Floats]:
        """Each model's own vectors from the lengthened ones."""
        blocks = np.split(history, self._places, axis=1)
        known = np.stack([(block != 0).any(1) for block in blocks], axis=1)
        among = known @ self._weights
        stretched = self._weights.sum() / np.where(among > 0, among, np.float32(1))
        factor = np.where(known.all(1) | (among <= 0), np.float32(1), stretched)
        return [np.asarray(block / factor[:, None], dtype=np.float32) for block in blocks]
