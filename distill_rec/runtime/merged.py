"""Several user encoders over narrower item vectors, in numpy; twin of `distill_rec.nn.merged`, which documents them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from distill_rec.runtime.arrays import Floats, Weights
from distill_rec.runtime.gru import moved_without
from distill_rec.runtime.user_encoders import UserEncoder


class MergedUserEncoder:
    """What several encoders say of vectors that are widened to theirs, narrowed to the items' own dimensions.

    Args:
        parts: the encoders.
        dims: of each one's block.
        weights: of `widen` and `narrow`.
    """

    def __init__(self, parts: Sequence[UserEncoder], dims: Sequence[int], weights: Weights) -> None:
        self._parts, self._places = list(parts), np.cumsum(dims)[:-1]
        self._widen = np.ascontiguousarray(weights["widen.weight"].T, dtype=np.float32)
        self._mean = weights["widen.bias"].astype(np.float32)
        self._narrow = np.ascontiguousarray(weights["narrow.weight"].T, dtype=np.float32)

    def prepare(self, vectors: Floats) -> Floats | None:
        return None

    def encode(self, history: Floats, prepared: Floats | None) -> Floats:
        wide = history @ self._widen + self._mean
        blocks = np.split(wide, self._places, axis=1)
        users = [part.encode(block, None) for part, block in zip(self._parts, blocks, strict=True)]
        return np.asarray(np.concatenate(users) @ self._narrow, dtype=np.float32)

    def shares(self, history: Floats, prepared: Floats | None) -> Floats:
        return moved_without(lambda clicks: self.encode(clicks, None), history)
