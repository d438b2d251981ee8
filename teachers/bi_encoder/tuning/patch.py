"""`patch:k`, `patch-parallel:k`: bottlenecks in the top k layers, two a layer (PeterRec, Yuan et al. 2020).

A layer's attention and its feed-forward each get one: serial, on what they give to the residual stream; parallel, from
what they were given to what they give. `up` starts at zero, so that the trunk starts as it was. A patch is not
linear, so it cannot become part of the trunk's own weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from distill_rec.contracts import TuningSpec
from teachers.bi_encoder.tuning.layered import lowest_of, parse, top_layers, written

if TYPE_CHECKING:
    from torch import nn

    from distill_rec.trunks.load import Trunk

WIDTH = 64


@dataclass(frozen=True)
class Patch:
    """See `contracts.Tuning`.

    Attributes:
        kind: "patch" or "patch-parallel".
        layers: from the top; None: all.
        width: of the bottleneck.
    """

    kind: str
    layers: int | None
    width: int

    @property
    def name(self) -> str:
        return written(self.kind, self.layers, {"width": self.width} if self.width != WIDTH else {})

    def lowest(self, depth: int) -> int | None:
        return lowest_of(self.layers, depth)

    def prepare(self, trunk: Trunk) -> nn.Module:
        from teachers.bi_encoder.tuning.bottleneck import insert  # noqa: PLC0415  (torch)

        return insert(trunk, top_layers(trunk, self.layers), self.width, parallel=self.kind == "patch-parallel")

    def merge(self, trunk: Trunk) -> None:
        """The patches stay in the trunk: `PATCH.merges` says so."""


def make(argument: str, kind: str) -> Patch:
    layers, options = parse(kind, argument, ("width",))
    return Patch(kind, layers, options.get("width", WIDTH))


PATCH = TuningSpec(
    "patch",
    "patch:k,width=64",
    "bottlenecks after attention and feed-forward of the top k layers (all without k)",
    partial(make, kind="patch"),
    merges=False,
    rate=1e-3,
)
PATCH_PARALLEL = TuningSpec(
    "patch-parallel",
    "patch-parallel:k,width=64",
    "bottlenecks beside attention and feed-forward of the top k layers (all without k)",
    partial(make, kind="patch-parallel"),
    merges=False,
    rate=1e-3,
)
