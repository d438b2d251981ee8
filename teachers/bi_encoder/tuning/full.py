"""`full`: the whole trunk learns, its embeddings too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from distill_rec.contracts import TuningSpec

if TYPE_CHECKING:
    from torch import nn

    from distill_rec.trunks.load import Trunk


@dataclass(frozen=True)
class Full:
    """See `contracts.Tuning`."""

    name: str = "full"

    def lowest(self, depth: int) -> int | None:
        return None

    def prepare(self, trunk: Trunk) -> nn.Module:
        return trunk.model.requires_grad_(True)

    def merge(self, trunk: Trunk) -> None:
        """Its weights are its own."""


def make(argument: str) -> Full:
    if argument:
        raise ValueError("full takes no argument")
    return Full()


FULL = TuningSpec("full", "full", "the whole trunk, its embeddings too", make)
