"""What a trunk's layers compute of a text's tokens, caught by hooks while its own forward pass runs.

Queries, keys and values are what attention's projections give, so that it is the same whichever way the attention
itself is computed (eager, SDPA, flash).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from distill_rec.nn.arithmetic import not_rounded
from distill_rec.runtime.errors import ModelError

PROJECTIONS = (("query", "key", "value"), ("q", "k", "v"), ("q_lin", "k_lin", "v_lin"))
"""Names of the three maps of an attention that is neither fused nor rotated, by family."""
FAMILIES = "BERT, RoBERTa, XLM-RoBERTa, ELECTRA, MPNet, DistilBERT"


class Caught:
    """Hooks on layers, which keep of the last forward pass what they gave, until it is taken.

    Args:
        layers: of a trunk.
        states: numbers of those whose output is kept.
        attention: number of the one whose queries, keys and values are kept; None: of none.

    Raises:
        ModelError: that layer does not show them.
    """

    def __init__(self, layers: nn.ModuleList, states: Sequence[int], attention: int | None) -> None:
        self._wanted = [layers[number] for number in states]
        self._projections = [] if attention is None else projections_of(layers[attention])
        self._found: dict[int, Tensor] = {}
        modules = {id(one): one for one in [*self._wanted, *self._projections]}
        self._handles = [one.register_forward_hook(self._keep(key)) for key, one in modules.items()]

    def _keep(self, key: int) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, args: Any, out: Any) -> None:
            self._found[key] = out[0] if isinstance(out, tuple) else out

        return hook

    def take(self) -> tuple[list[Tensor], list[Tensor]]:
        """States of each layer that is wanted, and queries, keys and values, `[n, tokens, width]`; they are let go."""
        found, self._found = {key: not_rounded(one) for key, one in self._found.items()}, {}
        states, attention = ([found[id(one)] for one in some] for some in (self._wanted, self._projections))
        return states, attention

    def remove(self) -> None:
        """Take the hooks off."""
        for handle in self._handles:
            handle.remove()
        self._found = {}


def projections_of(layer: nn.Module) -> list[nn.Module]:
    """The maps to queries, keys and values of a layer's attention.

    Raises:
        ModelError: it has none by the names that are known.
    """
    for module in layer.modules():
        own = dict(module.named_children())
        for names in PROJECTIONS:
            if all(name in own for name in names):
                return [own[name] for name in names]
    found = f"a layer {type(layer).__name__}, whose queries, keys and values were not found"
    raise ModelError("attention_relation", found, f"a PLM of a family as {FAMILIES}", "hidden works with any family.")
