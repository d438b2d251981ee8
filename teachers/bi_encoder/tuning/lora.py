"""`lora:k`: low-rank weights beside each linear map of the top k layers (Hu et al. 2021), by peft.

All linear maps, attention's and feed-forward's: Dettmers et al. 2023 (QLoRA, section 4) found that needed to match
whole-model tuning, and it asks for no list of names by architecture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from distill_rec.contracts import TuningSpec
from teachers.bi_encoder.tuning.layered import lowest_of, parse, top_layers, written

if TYPE_CHECKING:
    from torch import nn

    from distill_rec.trunks.load import Trunk

RANK = 8


@dataclass(frozen=True)
class LowRank:
    """See `contracts.Tuning`.

    Attributes:
        kind: "lora", "dora" or "qlora".
        layers: from the top; None: all.
        rank: of what is added to a linear map.
        alpha: what is added counts alpha / rank times.
    """

    kind: str
    layers: int | None
    rank: int
    alpha: int

    @property
    def name(self) -> str:
        options = {"rank": self.rank} if self.rank != RANK else {}
        return written(self.kind, self.layers, options | ({"alpha": self.alpha} if self.alpha != 2 * self.rank else {}))

    def lowest(self, depth: int) -> int | None:
        return lowest_of(self.layers, depth)

    def prepare(self, trunk: Trunk) -> nn.Module:
        from peft import LoraConfig  # noqa: PLC0415  (seconds to import)

        from teachers.bi_encoder.tuning.adapters import insert  # noqa: PLC0415
        from teachers.bi_encoder.tuning.linears import linears  # noqa: PLC0415

        targets = list(linears(top_layers(trunk, self.layers)))
        return insert(
            trunk,
            LoraConfig(r=self.rank, lora_alpha=self.alpha, target_modules=targets, use_dora=self.kind == "dora"),
        )

    def merge(self, trunk: Trunk) -> None:
        from teachers.bi_encoder.tuning.adapters import merge  # noqa: PLC0415  (peft)

        merge(trunk)


Made = TypeVar("Made", bound=LowRank)


def make_low_rank(argument: str, kind: str, tuning: type[Made]) -> Made:
    """A tuning of this kind, from what a recipe writes after its name."""
    layers, options = parse(kind, argument, ("rank", "alpha"))
    rank = options.get("rank", RANK)
    return tuning(kind, layers, rank, options.get("alpha", 2 * rank))


def make(argument: str, kind: str = "lora") -> LowRank:
    return make_low_rank(argument, kind, LowRank)


LORA = TuningSpec(
    "lora", "lora:k,rank=8,alpha=16", "low-rank weights in the top k layers (all without k)", make, rate=1e-3
)
