"""How high items stand whose texts came after a training, and what another height takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from distill_rec.artifact.stored import Floats


@dataclass(frozen=True)
class NewLevel:
    """A prediction of an item's vector is drawn to the middle, so that predicted items lack something in score.

    Attributes:
        vector: `[dim]`, what gives them all of it back.
        level: share of it that their vectors have as they are encoded.
    """

    vector: Floats
    level: float

    def shift(self, level: float) -> Floats:
        """What is added `[dim]` to their vectors for another share."""
        return np.asarray(np.float32(level - self.level) * self.vector, dtype=np.float32)

    def arrays(self) -> dict[str, Floats]:
        """As a file holds it."""
        return {"vector": self.vector, "level": np.array([self.level], dtype=np.float32)}
