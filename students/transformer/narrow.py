"""A trunk's layers made as narrow as a transformer student's are to be, by what they do to texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from distill_rec.trunks.load import Trunk
from distill_rec.trunks.narrow import keep_heads, keep_neurons, most_important
from distill_rec.trunks.narrow_states import DIRECTIONS, keep_directions, seen
from students.transformer.asked import Narrow

MEASURED = 1000
"""Texts, drawn, that decide what is kept."""


def drawn_from(texts: Sequence[str], seed: int) -> list[str]:
    """At most `MEASURED` of the texts."""
    return [texts[row] for row in np.random.default_rng(seed).permutation(len(texts))[:MEASURED]]


def narrow_layers(asked: Narrow, trunk: Trunk, texts: Sequence[str], directions: Tensor | None) -> None:
    """Leave each layer so many neurons and heads, and the states so many directions, in place.

    Args:
        directions: see `cut_trunk`.
    """
    neurons, heads = most_important(trunk, texts, asked.intermediate, asked.heads)
    if neurons:
        keep_neurons(trunk, neurons)
    if heads:
        keep_heads(trunk.model, trunk.layers, heads)
    if asked.width is not None:
        known = seen(trunk, texts)
        own = directions is None or directions.shape[1] != asked.width
        kept = known.directions[:, : asked.width] if own else cast(Tensor, directions).double()
        keep_directions(trunk, kept, known)


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
