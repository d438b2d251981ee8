"""A trunk's layers made as narrow as a transformer student's are to be, by what they do to texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from distill_rec.files import alone, cache_folder, fingerprint
from distill_rec.training.checkpoint import save_weights
from distill_rec.trunks.load import Trunk
from distill_rec.trunks.narrow import keep_heads, keep_neurons, most_important
from distill_rec.trunks.narrow_states import DIRECTIONS, Seen, keep_directions, seen
from students.transformer.asked import Narrow

MEASURED = 1000
"""Texts, drawn, that decide what is kept."""
KINDS = ("neurons", "heads")


def drawn_from(texts: Sequence[str], seed: int) -> list[str]:
    """At most `MEASURED` of the texts."""
    return [texts[row] for row in np.random.default_rng(seed).permutation(len(texts))[:MEASURED]]


def narrow_layers(
    asked: Narrow, trunk: Trunk, layers: Sequence[int], texts: Sequence[str], directions: Tensor | None
) -> None:
    """Leave each layer so many neurons and heads, and the states so many directions, in place.

    Args:
        layers: numbers that the trunk's have in the PLM.
        directions: see `cut_trunk`.
    """
    key = (trunk.digest, trunk.tokenizer().settings, list(layers), asked.intermediate, asked.heads, list(texts))
    if asked.intermediate is not None or asked.heads is not None:
        chosen = _kept("units", key if trunk.digest else None, lambda: _units(asked, trunk, texts))
        neurons, heads = ([chosen[name] for name in sorted(chosen) if name.startswith(kind)] for kind in KINDS)
        if neurons:
            keep_neurons(trunk, neurons)
        if heads:
            keep_heads(trunk.model, trunk.layers, heads)
    if asked.width is not None:
        found = _kept("states", key if trunk.digest else None, lambda: _states(trunk, texts))
        known = Seen(found["directions"], list(found["before"]), list(found["after"]))
        own = directions is None or directions.shape[1] != asked.width
        kept = known.directions[:, : asked.width] if own else cast(Tensor, directions).double()
        keep_directions(trunk, kept, known)


def _units(asked: Narrow, trunk: Trunk, texts: Sequence[str]) -> dict[str, Tensor]:
    found = zip(KINDS, most_important(trunk, texts, asked.intermediate, asked.heads), strict=True)
    return {f"{kind}.{layer:04d}": own for kind, some in found for layer, own in enumerate(some)}


def _states(trunk: Trunk, texts: Sequence[str]) -> dict[str, Tensor]:
    known = seen(trunk, texts)
    return {
        "directions": known.directions,
        "before": torch.stack(known.before),
        "after": torch.stack(known.after),
    }


def _kept(what: str, key: object, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """What `make` gives, from the cache where it is there.

    A sum of another number of threads has other last digits, which may choose otherwise between two alike: a run that
    goes on, and each of several processes, reads what was chosen.

    Args:
        key: of the cache's place; None: what has no name is not kept.
    """
    if key is None:
        return make()
    path = cache_folder() / "narrow" / f"{what}-{fingerprint(key)}.safetensors"
    with alone(path):
        if not path.exists():
            save_weights(path, make())
    return {name: value.clone() for name, value in load_file(path).items()}


def directions_of(student: str) -> Tensor | None:
    """Those of a trained student's folder; None where it has none.

    One that goes on from it has the same: rows of sub-words that came with new items are turned by them too.
    """
    path = Path(student) / "weights.safetensors"
    if not student or not path.exists():
        return None
    with safe_open(path, framework="pt") as weights:
        name = f"trunk.embeddings.{DIRECTIONS}"
        return torch.clone(weights.get_tensor(name)) if name in weights.keys() else None  # noqa: SIM118
