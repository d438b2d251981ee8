"""A trunk's layers made narrower, in place: fewer neurons of the feed-forward network, fewer attention heads.

What is left out is left out as if it gave zeros. What is kept is what adds most to the states of given texts' tokens,
the same number in each layer: neurons by their mean |activation| times the norm of the weights that take it, heads by
the mean norm of what each adds. Michel et al. 2019 (arXiv 1905.10650) weigh heads by the loss's gradient at a gate
before each, McCarley et al. 2019 (arXiv 1910.06360) learn such gates; before a student's training there is no loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from distill_rec.plm_config import NAMES
from distill_rec.trunks.inside import INSIDE, Units
from distill_rec.trunks.load import Trunk
from distill_rec.trunks.watched import watch


@dataclass(frozen=True)
class Found:
    """Inner units of one layer.

    Attributes:
        into, out: see `Units`.
        size: outputs of a map that are one unit.
    """

    into: list[nn.Linear]
    out: nn.Linear
    parts: int
    size: int

    @property
    def count(self) -> int:
        return self.out.in_features // self.size

    def each(self) -> Tensor:
        """Weights that take each unit, `[width, count, size]`."""
        width, _ = self.out.weight.shape
        return self.out.weight.detach().view(width, self.count, self.size)

    def keep(self, numbers: Tensor) -> None:
        """Leave the units of these numbers, which rise from 0."""
        columns = (numbers[:, None] * self.size + torch.arange(self.size)).flatten()
        for one in self.into:
            width = one.out_features // self.parts
            rows = torch.cat([columns + part * width for part in range(self.parts)])
            one.weight = _some(one.weight, rows)
            one.bias = None if one.bias is None else _some(one.bias, rows)
            one.out_features = len(rows)
        self.out.weight = _some(self.out.weight.T, columns, turned=True)
        self.out.in_features = len(columns)


def neurons_of(model: nn.Module, layer: nn.Module) -> Found:
    """Those of a layer of a model whose family `INSIDE` has."""
    return _found(layer, INSIDE[cast(Any, model).config.model_type].neurons, size=1)


def heads_of(model: nn.Module, layer: nn.Module) -> Found:
    """Those of a layer of a model whose family has heads in `INSIDE`."""
    units = _head_units(model)
    owner = cast(Any, _owner(layer, units))
    return _found(layer, units, int(getattr(owner, "attention_head_size", None) or owner.head_dim))


def keep_neurons(trunk: Trunk, numbers: Sequence[Tensor]) -> None:
    """Leave each layer the neurons of these numbers, so many in each."""
    model = cast(Any, trunk.model)
    for layer, own in zip(trunk.layers, numbers, strict=True):
        neurons_of(model, layer).keep(own)
    for name in NAMES["intermediate"]:
        if hasattr(model.config, name):
            setattr(model.config, name, len(numbers[0]))


def keep_heads(model: nn.Module, layers: nn.ModuleList, numbers: Sequence[Tensor]) -> None:
    """Leave each layer the attention heads of these numbers, so many in each.

    A configuration of transformers has no place for that (the width of a head would follow from their number): what
    rebuilds the model from it must do the same to it, with any numbers, before it takes over the weights.
    """
    units = _head_units(model)
    for layer, own in zip(layers, numbers, strict=True):
        found, attention = heads_of(model, layer), cast(Any, _owner(layer, units))
        found.keep(own)
        known = {"num_attention_heads": len(own), "n_heads": len(own), "all_head_size": len(own) * found.size}
        for name, value in known.items():
            if hasattr(attention, name):
                setattr(attention, name, value)
        if units.biased:
            attention.register_buffer("kept_heads", own.clone())
            attention.register_forward_pre_hook(_bias_of_kept)


def most_important(trunk: Trunk, texts: Sequence[str], neurons: int | None, heads: int | None) -> list[list[Tensor]]:
    """Numbers, rising, of the neurons and heads that add most to these texts' states: of each kind one tensor a layer.

    Args:
        neurons, heads: how many of each layer; None: all, whose numbers are not told (an empty list).
    """
    wanted: list[tuple[int, list[Found]]] = []
    for count, find in ((neurons, neurons_of), (heads, heads_of)):
        wanted.append((count or 0, [] if count is None else [find(trunk.model, layer) for layer in trunk.layers]))
    scores = _added(trunk, texts, [one for _, found in wanted for one in found])
    out: list[list[Tensor]] = []
    for count, found in wanted:
        own, scores = scores[: len(found)], scores[len(found) :]
        out.append([one.argsort(descending=True, stable=True)[:count].sort().values for one in own])
    return out


def _added(trunk: Trunk, texts: Sequence[str], found: Sequence[Found]) -> list[Tensor]:
    """What each unit adds to a token's state, as a norm, the sum over all tokens of the texts: `[count]` of each."""
    sums = [torch.zeros(one.count, dtype=torch.float64) for one in found]

    def add(own: Found, sums: Tensor, given: Tensor, out: Tensor) -> None:
        given = given.view(-1, own.count, own.size)
        if own.size == 1:
            norms = given[..., 0].abs() * own.each()[..., 0].norm(dim=0)
        else:
            norms = torch.stack([(given[:, n] @ own.each()[:, n].T).norm(dim=1) for n in range(own.count)], dim=1)
        sums += norms.sum(0).double().cpu()

    watch(trunk, texts, [(one.out, partial(add, one, own)) for one, own in zip(found, sums, strict=True)])
    return sums


def _head_units(model: nn.Module) -> Units:
    units = INSIDE[cast(Any, model).config.model_type].heads
    assert units is not None
    return units


def _owner(layer: nn.Module, units: Units) -> nn.Module:
    """The module that computes the attention."""
    return layer.get_submodule(units.into[0].rpartition(".")[0])


def _found(layer: nn.Module, units: Units, size: int) -> Found:
    there = dict(layer.named_modules())
    names = [*units.into, *(name for name in units.also if name in there)]
    return Found([cast(nn.Linear, there[name]) for name in names], cast(nn.Linear, there[units.out]), units.parts, size)


def _some(weights: Tensor, rows: Tensor, turned: bool = False) -> nn.Parameter:
    kept = weights.detach()[rows]
    return nn.Parameter((kept.T if turned else kept).clone(), requires_grad=weights.requires_grad)


def _bias_of_kept(module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """MPNet computes one bias of positions for all layers, `[n, heads, tokens, tokens]`: a layer takes its heads'."""
    return (*args[:2], args[2][:, cast(Tensor, module.kept_heads)], *args[3:])
