"""Bottlenecks in a trunk's layers, put there by hooks, so that any architecture keeps its own forward pass."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from distill_rec.runtime.errors import ModelError
from distill_rec.trunks.load import Trunk
from teachers.bi_encoder.tuning.linears import added, linears, sizes


class Bottleneck(nn.Module):
    """`[..., wide]` to `[..., out]` through `width` dimensions; zero at the start."""

    def __init__(self, wide: int, width: int, out: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(wide, width), nn.Linear(width, out)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.up(functional.gelu(self.down(x)))  # type: ignore[no-any-return]


def insert(trunk: Trunk, layers: dict[str, nn.Module], width: int, *, parallel: bool) -> nn.Module:
    """Put two bottlenecks into each of these layers; they learn, and are returned by the trunk's names for them.

    Raises:
        ModelError: attention or feed-forward of a layer were not found.
    """
    for name, layer in layers.items():
        for first, last in sublayers(trunk, name, layer):
            begin = first if parallel else last
            wide = sizes(first)[0] if parallel else trunk.width
            patch = Bottleneck(wide, width, trunk.width).to(next(last.parameters()))
            last.add_module("patch", patch)
            _run(patch, begin if parallel else None, last)
    return added(trunk.model)


def sublayers(trunk: Trunk, name: str, layer: nn.Module) -> list[tuple[nn.Module, nn.Module]]:
    """Attention and feed-forward of a layer, each by its first and its last linear map.

    A layer names its attention first; what is linear after it is the feed-forward.

    Raises:
        ModelError: there are not these two, or one of them ends in another width than the residual stream's.
    """
    own = linears({name: layer})
    attention = next(iter(own)).removeprefix(f"{name}.").partition(".")[0]
    within = [part for path, part in own.items() if path.startswith(f"{name}.{attention}.")]
    after = [part for path, part in own.items() if not path.startswith(f"{name}.{attention}.")]
    if not within or not after or any(sizes(group[-1])[1] != trunk.width for group in (within, after)):
        found = f"layer {name} ({type(layer).__name__}) does not show its attention and feed-forward"
        expected = f"linear maps of the two, each ending in {trunk.width} dimensions"
        raise ModelError("teacher.tuning", found, expected, 'Use tuning = "lora:k" or "last:k".')
    return [(within[0], within[-1]), (after[0], after[-1])]


def _run(patch: Bottleneck, first: nn.Module | None, last: nn.Module) -> None:
    """Add the patch's output to that of `last`, from what enters `first`, or where not given from that output."""
    entered: list[Tensor] = []

    def enter(module: nn.Module, args: tuple[Any, ...]) -> None:
        if not entered:  # some attentions pass position embeddings through the same map afterwards
            entered.append(args[0])

    def leave(module: nn.Module, args: tuple[Any, ...], out: Tensor) -> Tensor:
        given: Tensor = patch(entered.pop() if first is not None else out)
        return out + given

    if first is not None:
        first.register_forward_pre_hook(enter)
    last.register_forward_hook(leave)
