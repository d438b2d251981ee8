"""A trunk whose tokens' states are narrower, in place: turned to the directions in which they vary, and cut.

As SliceGPT does (Ashkboos et al. 2024, arXiv 2401.15024), for PLMs with a LayerNorm behind every sum, such as BERT.
With directions V `[width, kept]` a state x is kept as z = V'x and read as Vz + m, where m is what the mean state has
beside these directions. A map Wx + b of states is (WV) z + (b + Wm), what is added to a state is added as V' has it,
and the norm

    LN(h) = g * Ch / s + b with s^2 = |Ch|^2 / width + eps, C taking the mean from a vector

of h = Vz + m is (V'gCV z + V'gCm) / s + V'b, with |Ch| = |R (z, 1)| for the triangle R of CV and Cm. Nothing is lost
but what states have beside V and m: with all directions it is the same PLM, turned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from distill_rec.trunks.inside import INSIDE
from distill_rec.trunks.load import Trunk
from distill_rec.trunks.watched import watch

DIRECTIONS = "directions"
"""Buffer of the embeddings' module, `[width, kept]`: what rows of further sub-words are turned by."""


class TurnedNorm(nn.Module):
    """The LayerNorm of whole states, of narrow ones; see above.

    Args:
        whole: dimensions of the whole states.
        kept: of the narrow ones.
    """

    def __init__(self, whole: int, kept: int, eps: float) -> None:
        super().__init__()
        self.whole, self.eps = whole, eps
        self.weight = nn.Parameter(torch.zeros(kept, kept))
        self.shift, self.bias = nn.Parameter(torch.zeros(kept)), nn.Parameter(torch.zeros(kept))
        rows = min(whole, kept + 1)
        self.root: Tensor
        self.offset: Tensor
        self.register_buffer("root", torch.zeros(rows, kept))
        self.register_buffer("offset", torch.zeros(rows))

    @staticmethod
    def of(norm: nn.LayerNorm, directions: Tensor, beside: Tensor) -> TurnedNorm:
        """That of a LayerNorm.

        Args:
            directions: V, float64 `[whole, kept]`.
            beside: m of the states that enter it, float64 `[whole]`.
        """
        made = TurnedNorm(len(directions), directions.shape[1], norm.eps)
        gain, centred = norm.weight.detach().double(), directions - directions.mean(0)
        alone = beside - beside.mean()
        root = torch.linalg.qr(torch.cat([centred, alone[:, None]], dim=1)).R
        with torch.no_grad():
            made.weight.copy_(directions.T @ (gain[:, None] * centred))
            made.shift.copy_(directions.T @ (gain * alone))
            made.bias.copy_(directions.T @ norm.bias.detach().double())
            made.root.copy_(root[:, :-1])
            made.offset.copy_(root[:, -1])
        return made.requires_grad_(norm.weight.requires_grad).train(norm.training)

    def forward(self, states: Tensor) -> Tensor:
        variance = (states @ self.root.T + self.offset).square().sum(-1, keepdim=True) / self.whole
        return (states @ self.weight.T + self.shift) * torch.rsqrt(variance + self.eps) + self.bias


@dataclass(frozen=True)
class Seen:
    """What states are on given texts.

    Attributes:
        directions: orthonormal, those in which they vary most first, float64 `[width, width]`.
        before, after: mean of what enters and leaves each norm, float64 `[width]`: the embeddings', then two a layer.
    """

    directions: Tensor
    before: list[Tensor]
    after: list[Tensor]


class _Moments:
    """Sums over tokens: of states, and of states whose deviation is 1, with their products."""

    def __init__(self, width: int) -> None:
        self.count, self.sum, self.even = 0, *torch.zeros(2, width, dtype=torch.float64)
        self.products = torch.zeros(width, width, dtype=torch.float64)

    def add(self, states: Tensor) -> None:
        states = states.double().cpu()
        even = states / states.std(1, correction=0, keepdim=True).clamp_min(1e-12)
        self.count += len(states)
        self.sum += states.sum(0)
        self.even += even.sum(0)
        self.products += even.T @ even

    def mean(self) -> Tensor:
        mean: Tensor = self.sum / max(self.count, 1)
        return mean

    def varied(self) -> Tensor:
        """Sums of products about the mean."""
        return self.products - torch.outer(self.even, self.even) / max(self.count, 1)


def seen(trunk: Trunk, texts: Sequence[str]) -> Seen:
    """Run the texts. What enters a norm and what leaves it count alike, whatever their size, and so does each norm."""
    norms = [getattr(parent, name) for parent, name in norms_of(trunk.model, trunk.layers)]
    moments = [(_Moments(len(one.weight)), _Moments(len(one.weight))) for one in norms]

    def add(both: tuple[_Moments, _Moments], given: Tensor, out: Tensor) -> None:
        both[0].add(given)
        both[1].add(out)

    watch(trunk, texts, [(norm, partial(add, both)) for norm, both in zip(norms, moments, strict=True)])
    varied = torch.stack([one.varied() for both in moments for one in both]).sum(0)
    directions = torch.linalg.eigh(varied).eigenvectors.flip(1)
    largest = directions.gather(0, directions.abs().argmax(0, keepdim=True))
    directions = directions * largest.sign()  # which of two opposite ones is found depends on the machine
    return Seen(directions, *([one.mean() for one in some] for some in zip(*moments, strict=True)))


@torch.no_grad()
def keep_directions(trunk: Trunk, directions: Tensor, known: Seen) -> None:
    """Leave a trunk's states these directions.

    Args:
        directions: orthonormal, float64 `[width, kept]`.
    """
    _turn(trunk.model, trunk.layers, directions, known)
    trunk.sizes = (directions.shape[1], len(trunk.layers))


def shape_states(model: nn.Module, layers: nn.ModuleList, kept: int) -> None:
    """Give a model the shapes that it has with so many directions, for weights that it then takes over."""
    width = int(cast(Any, model).get_input_embeddings().weight.shape[1])
    nothing = [torch.zeros(width, dtype=torch.float64)] * (1 + 2 * len(layers))
    _turn(model, layers, torch.eye(width, kept, dtype=torch.float64), Seen(torch.empty(0), nothing, nothing))


@torch.no_grad()
def _turn(model: nn.Module, layers: nn.ModuleList, directions: Tensor, known: Seen) -> None:
    embeddings = cast(Any, model).embeddings
    for table in [one for one in embeddings.children() if isinstance(one, nn.Embedding)]:
        table.weight = _like(table.weight, table.weight.double() @ directions)
        table.embedding_dim = directions.shape[1]
    embeddings.register_buffer(DIRECTIONS, directions.float())
    beside = [_beside(mean, directions) for mean in known.after]
    inside = INSIDE[cast(Any, model).config.model_type]
    assert inside.heads is not None
    for number, layer in enumerate(layers):
        there = dict(layer.named_modules())
        for units, place in ((inside.heads, 2 * number), (inside.neurons, 2 * number + 1)):
            for name in units.into:
                _read(cast(nn.Linear, there[name]), directions, beside[place])
            _add(cast(nn.Linear, there[units.out]), directions)
    for (parent, name), mean in zip(norms_of(model, layers), known.before, strict=True):
        setattr(parent, name, TurnedNorm.of(getattr(parent, name), directions, _beside(mean, directions)))
    if hasattr(model, "pooler"):  # which nothing here reads
        cast(Any, model).pooler = None


def norms_of(model: nn.Module, layers: nn.ModuleList) -> list[tuple[nn.Module, str]]:
    """Each LayerNorm in the order in which states pass them, as the module that holds it and its name there."""
    norms = INSIDE[cast(Any, model).config.model_type].norms
    assert norms is not None
    found: list[tuple[nn.Module, str]] = [(cast(Any, model).embeddings, "LayerNorm")]
    for layer in layers:
        for path in norms:
            parent, _, name = path.rpartition(".")
            found.append((layer.get_submodule(parent), name))
    return found


def _beside(mean: Tensor, directions: Tensor) -> Tensor:
    return mean - directions @ (directions.T @ mean)


def _read(linear: nn.Linear, directions: Tensor, beside: Tensor) -> None:
    """A map of whole states as one of narrow ones."""
    weight = linear.weight.double()
    linear.bias = _like(linear.bias, linear.bias.double() + weight @ beside)
    linear.weight = _like(linear.weight, weight @ directions)
    linear.in_features = directions.shape[1]


def _add(linear: nn.Linear, directions: Tensor) -> None:
    """A map to what is added to whole states as one to what is added to narrow ones."""
    linear.bias = _like(linear.bias, directions.T @ linear.bias.double())
    linear.weight = _like(linear.weight, directions.T @ linear.weight.double())
    linear.out_features = directions.shape[1]


def _like(before: Tensor, value: Tensor) -> nn.Parameter:
    return nn.Parameter(value.to(before.dtype), requires_grad=before.requires_grad)
