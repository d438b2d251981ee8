"""Linear maps of a trunk kept in 4 bits, by bitsandbytes, and given back whole."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import bitsandbytes as bnb
import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

from distill_rec.runtime.errors import ModelError
from distill_rec.trunks.load import Trunk


def round_linears(trunk: Trunk, names: Iterable[str]) -> None:
    """Put 4-bit NormalFloats, their scales in 8 bits, in the place of linear maps' weights, where the trunk is.

    Raises:
        ModelError: a map that bitsandbytes has no form for.
    """
    for name in names:
        linear = trunk.model.get_submodule(name)
        if not isinstance(linear, nn.Linear):
            what = f"{name} is a {type(linear).__name__}, which has no form in 4 bits"
            raise ModelError("teacher.tuning", what, "a PLM of nn.Linear", "Use lora in the place of qlora.")
        trunk.model.set_submodule(name, _rounded(linear, trunk.precision))


def _rounded(linear: nn.Linear, precision: str) -> nn.Module:
    computed = torch.bfloat16 if precision == "bf16" else torch.float32
    sizes, device = (linear.in_features, linear.out_features), linear.weight.device
    kinds = cast(Any, bnb.nn)
    out = kinds.Linear4bit(*sizes, linear.bias is not None, computed, quant_type="nf4", device="meta")
    out.weight = kinds.Params4bit(
        linear.weight.detach().clone(), requires_grad=False, compress_statistics=True, quant_type="nf4", module=out
    )
    out.bias = linear.bias
    # Else bitsandbytes repacks the weights in place when a processor first reads them without a graph, and a training
    # that goes on after a look at validation data fails.
    out.support_avx512bf16_for_cpu = False
    return cast(nn.Module, out.to(device).requires_grad_(False))


def merge(trunk: Trunk) -> None:
    """Linear maps of float32 that do what rounded ones and what was learned beside them do together."""
    for name, module in list(trunk.model.named_modules()):
        if isinstance(module, BaseTunerLayer):
            rounded = cast(Any, module.get_base_layer())
            weight = bnb.functional.dequantize_4bit(rounded.weight.data, rounded.weight.quant_state).float()
            whole = nn.Linear(rounded.in_features, rounded.out_features, rounded.bias is not None, device="meta")
            whole.weight = nn.Parameter(weight + cast(Any, module).get_delta_weight("default").float())
            whole.bias = rounded.bias
            trunk.model.set_submodule(name, whole.requires_grad_(False))
