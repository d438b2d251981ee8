"""`qlora:k`: as `lora:k`, with the weights that it is added to in 4 bits (Dettmers et al. 2023, section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from distill_rec.contracts import TuningSpec
from teachers.bi_encoder.tuning.layered import top_layers
from teachers.bi_encoder.tuning.lora import LowRank, make_low_rank

if TYPE_CHECKING:
    from torch import nn

    from distill_rec.trunks.load import Trunk


class RoundedLowRank(LowRank):
    """See `contracts.Tuning`."""

    def prepare(self, trunk: Trunk) -> nn.Module:
        from teachers.bi_encoder.tuning.four_bits import round_linears  # noqa: PLC0415  (bitsandbytes)
        from teachers.bi_encoder.tuning.linears import linears  # noqa: PLC0415

        round_linears(trunk, list(linears(top_layers(trunk, self.layers))))
        model = cast(Any, trunk.model)
        model.is_loaded_in_4bit = True  # what peft goes by
        try:
            return super().prepare(trunk)
        finally:
            del model.is_loaded_in_4bit

    def merge(self, trunk: Trunk) -> None:
        from teachers.bi_encoder.tuning.four_bits import merge  # noqa: PLC0415  (bitsandbytes)

        merge(trunk)


def make(argument: str) -> RoundedLowRank:
    return make_low_rank(argument, "qlora", RoundedLowRank)


QLORA = TuningSpec(
    "qlora",
    "qlora:k,rank=8,alpha=16",
    "lora beside 4-bit weights, for a PLM that is too large otherwise (bitsandbytes)",
    make,
    rate=1e-3,
    rounds=True,
    needs="bitsandbytes",
)
