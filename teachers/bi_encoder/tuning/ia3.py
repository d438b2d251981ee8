"""`ia3:k`: learned factors on keys, values and feed-forward activations of the top k layers (Liu et al. 2022), by peft.

Which linear maps these are peft knows by architecture; in one that it does not know, the output of every map is scaled.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from distill_rec.contracts import TuningSpec
from teachers.bi_encoder.tuning.layered import lowest_of, parse, top_layers, written

if TYPE_CHECKING:
    from torch import nn

    from distill_rec.trunks.load import Trunk


@dataclass(frozen=True)
class Factors:
    """See `contracts.Tuning`.

    Attributes:
        layers: from the top; None: all.
    """

    layers: int | None

    @property
    def name(self) -> str:
        return written("ia3", self.layers, {})

    def lowest(self, depth: int) -> int | None:
        return lowest_of(self.layers, depth)

    def prepare(self, trunk: Trunk) -> nn.Module:
        from peft import IA3Config  # noqa: PLC0415  (seconds to import)

        from teachers.bi_encoder.tuning.adapters import insert  # noqa: PLC0415
        from teachers.bi_encoder.tuning.linears import linears  # noqa: PLC0415

        names = list(linears(top_layers(trunk, self.layers)))
        targets, on_inputs = _scaled(cast(Any, trunk.model).config.model_type, names)
        held = insert(trunk, IA3Config(target_modules=targets, feedforward_modules=on_inputs))
        for parameter in held.parameters():
            # They are factors that start at one, and decay would pull them to zero.
            cast(Any, parameter).no_weight_decay = True
        return held

    def merge(self, trunk: Trunk) -> None:
        from teachers.bi_encoder.tuning.adapters import merge  # noqa: PLC0415  (peft)

        merge(trunk)


def _scaled(architecture: str, names: list[str]) -> tuple[list[str], list[str]]:
    """Linear maps that are scaled, and which of them on their inputs."""
    from peft.utils import constants  # noqa: PLC0415

    maps: Any = constants
    ends = maps.TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING.get(architecture, [])
    inputs = maps.TRANSFORMERS_MODELS_TO_IA3_FEEDFORWARD_MODULES_MAPPING.get(architecture, [])
    return _ending(names, ends) or names, _ending(names, inputs)


def _ending(names: list[str], ends: Iterable[str]) -> list[str]:
    dotted = tuple(f".{end}" for end in ends)
    return [name for name in names if name.endswith(dotted)]


def make(argument: str) -> Factors:
    layers, _ = parse("ia3", argument)
    return Factors(layers)


IA3 = TuningSpec(
    "ia3", "ia3:k", "factors on keys, values and feed-forward of the top k layers (all without k)", make, rate=1e-2
)
