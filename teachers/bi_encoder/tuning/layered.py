"""What tunings of the top k layers have in common: how a recipe writes them, and where they begin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from distill_rec.trunks.load import Trunk


def parse(name: str, argument: str, options: tuple[str, ...] = ()) -> tuple[int | None, dict[str, int]]:
    """The number of layers (None: all) and the options of an argument, as "2,rank=16", "rank=16" or "".

    Raises:
        ValueError: saying what the tuning takes.
    """
    layers: int | None = None
    found: dict[str, int] = {}
    for place, part in enumerate(argument.split(",") if argument else []):
        key, equals, value = part.rpartition("=")
        known = key in options and key not in found if equals else place == 0
        if not known or not re.fullmatch("[1-9][0-9]*", value):
            takes = "".join(f", {option}=N" for option in options)
            raise ValueError(f"{name} with a number of layers{takes}, above zero, that may be left out; found {part!r}")
        if equals:
            found[key] = int(value)
        else:
            layers = int(value)
    return layers, found


def written(name: str, layers: int | None, options: Mapping[str, int]) -> str:
    """What `parse` reads."""
    parts = [] if layers is None else [str(layers)]
    parts += [f"{key}={value}" for key, value in options.items()]
    return f"{name}:{','.join(parts)}" if parts else name


def lowest_of(layers: int | None, depth: int) -> int:
    """The lowest of the top `layers` of `depth` layers."""
    return 0 if layers is None else max(0, depth - layers)


def top_layers(trunk: Trunk, layers: int | None) -> dict[str, nn.Module]:
    """The layers that are tuned, by their names in the model."""
    name_of = {id(module): name for name, module in trunk.model.named_modules()}
    tuned = list(trunk.layers)[lowest_of(layers, len(trunk.layers)) :]
    return {name_of[id(layer)]: layer for layer in tuned}
