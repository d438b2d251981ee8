"""peft's weights in a trunk: put in, named, and merged into the trunk's own."""

from __future__ import annotations

from typing import Any, cast

from peft import PeftConfig, inject_adapter_in_model
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

from distill_rec.trunks.load import Trunk
from teachers.bi_encoder.tuning.linears import added


def insert(trunk: Trunk, config: PeftConfig) -> nn.Module:
    """Put an adapter's weights into a frozen trunk; they learn, and are returned by the trunk's names for them."""
    model = cast(Any, trunk.model)
    inject_adapter_in_model(config, model)
    del model.peft_config  # a mark for a second adapter, that there is never one of
    return added(model)


def merge(trunk: Trunk) -> None:
    """Add what was learned to the trunk's own weights, and take the adapter's out."""
    for name, module in list(trunk.model.named_modules()):
        if isinstance(module, BaseTunerLayer):
            cast(Any, module).merge()
            trunk.model.set_submodule(name, module.get_base_layer())
