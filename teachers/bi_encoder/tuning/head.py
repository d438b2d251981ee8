"""`head`: nothing of the trunk learns, the head alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from distill_rec.contracts import TuningSpec

if TYPE_CHECKING:
    from torch import nn

    from distill_rec.trunks.load import Trunk


@dataclass(frozen=True)
class Head:
    """See `contracts.Tuning`."""

    name: str = "head"

    def lowest(self, depth: int) -> int | None:
        return depth

    def prepare(self, trunk: Trunk) -> nn.Module:
        from distill_rec.trunks.encoder import learning  # noqa: PLC0415  (torch)

        return learning([])

    def merge(self, trunk: Trunk) -> None:
        """Nothing was changed."""


def make(argument: str) -> Head:
    if argument:
        raise ValueError("head takes no argument")
    return Head()


HEAD = TuningSpec("head", "head", "the head alone, on the cached activations of a frozen trunk", make)
