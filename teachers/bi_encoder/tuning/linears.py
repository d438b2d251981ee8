"""Where weights can be added to a layer: its linear maps, whatever the architecture calls them."""

from __future__ import annotations

from torch import nn
from transformers.pytorch_utils import Conv1D

from distill_rec.runtime.errors import ModelError


def linears(layers: dict[str, nn.Module]) -> dict[str, nn.Module]:
    """The linear maps of some layers, by their names in the model, in each layer's order.

    Args:
        layers: by their names in the model.

    Raises:
        ModelError: a layer has none.
    """
    found: dict[str, nn.Module] = {}
    for name, layer in layers.items():
        own = {
            f"{name}.{below}": part for below, part in layer.named_modules() if isinstance(part, (nn.Linear, Conv1D))
        }
        if not own:
            what = f"layer {name} ({type(layer).__name__}) has no linear map to add weights to"
            raise ModelError("teacher.tuning", what, "layers with linear maps", 'Use tuning = "last:k" or "head".')
        found |= own
    return found


def sizes(linear: nn.Module) -> tuple[int, int]:
    """Widths of a linear map's input and output."""
    if isinstance(linear, Conv1D):
        return int(linear.nx), int(linear.nf)
    assert isinstance(linear, nn.Linear)
    return linear.in_features, linear.out_features


def added(model: nn.Module) -> nn.Module:
    """What learns in a model, and nothing else of it: a tree of modules with the model's names for it.

    peft's name for its only adapter, `default`, is left out of them.
    """
    root = nn.Module()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            *path, last = [part for part in name.split(".") if part != "default"]
            place = root
            for part in path:
                if part not in dict(place.named_children()):
                    place.add_module(part, nn.Module())
                place = place.get_submodule(part)
            place.register_parameter(last, parameter)
    return root
