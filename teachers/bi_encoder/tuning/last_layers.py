"""`last:k`: the top k layers of the trunk learn, from cached activations of those below."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from distill_rec.contracts import TuningSpec

if TYPE_CHECKING:
    from torch import nn

    from distill_rec.trunks.load import Trunk


@dataclass(frozen=True)
class LastLayers:
    """See `contracts.Tuning`."""

    count: int

    @property
    def name(self) -> str:
        return f"last:{self.count}"

    def lowest(self, depth: int) -> int | None:
        return max(0, depth - self.count)

    def prepare(self, trunk: Trunk) -> nn.Module:
        from distill_rec.trunks.encoder import learning  # noqa: PLC0415  (torch)

        return learning(list(trunk.layers)[self.lowest(len(trunk.layers)) :])

    def merge(self, trunk: Trunk) -> None:
        """Its weights are its own."""


def make(argument: str) -> LastLayers:
    if not re.fullmatch("[1-9][0-9]*", argument):
        raise ValueError("last needs a number of layers, as last:2")
    return LastLayers(int(argument))


LAST_LAYERS = TuningSpec("last", "last:k", "the last k layers of the trunk", make)
