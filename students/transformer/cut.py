"""The trunk cut to a transformer student's own: its layers, what is in each, its sub-words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from distill_rec.plm_config import PlmConfig
from distill_rec.runtime.errors import RecipeError
from distill_rec.trunks.cut import cut_layers, cut_vocabulary, rebuilt
from distill_rec.trunks.load import Trunk
from distill_rec.trunks.narrow import keep_heads, keep_neurons, most_important
from distill_rec.trunks.prefix import forward_all, pad_tokens
from distill_rec.trunks.smaller_vocabulary import READS, parts_of
from distill_rec.trunks.tokens import tokenize
from students.transformer.asked import layers_of, refuse_narrow
from students.transformer.spec import TransformerSection

LOOKED_AT = 8
"""Texts that show whether what is written is what was trained."""
MEASURED = 1000
"""Texts, drawn, that decide which neurons and heads are kept."""
NEAR = 1e-4


def cut_trunk(
    section: TransformerSection, trunk: Trunk, texts: Sequence[str], learned: Sequence[str] | None = None
) -> list[int]:
    """Leave the trunk the layers, neurons, heads and sub-words that the section asks for, in place.

    Args:
        texts: of the catalogue.
        learned: of these those that may decide what is kept; all where not given.

    Returns:
        Numbers of the layers, from 0.

    Raises:
        RecipeError: the trunk has not these layers, neurons or heads, its layers or its tokenizer are of a kind that
            cannot be cut, or its architecture builds a layer by its place, so that the cut trunk could not be written
            down.
    """
    numbers = layers_of(section.layers, trunk.depth)
    refuse_narrow(section.intermediate, section.heads, PlmConfig.of(cast(Any, trunk.model).config.to_dict()))
    cut_layers(trunk, numbers)
    looked_at = list(texts[:LOOKED_AT])
    said = _states(trunk, looked_at)
    if numbers != list(range(len(numbers))):
        _require_rebuilt(trunk, looked_at, said, "layers", "a number of layers, the first ones")
    if section.intermediate is not None or section.heads is not None:
        _narrow(section, trunk, texts if learned is None else learned)
        said = _states(trunk, looked_at)
        key = "heads" if section.intermediate is None else "intermediate"
        _require_rebuilt(trunk, looked_at, said, key, "all", section.heads)
    if section.sub_words == "catalogue":
        kind = parts_of(trunk.tokenizer_json)["model"]["type"]
        if kind not in READS:
            found = f"'catalogue', and the tokenizer of {trunk.source} is of kind {kind}"
            raise RecipeError("key student.sub_words", found, f"'all', or a tokenizer of kind {', '.join(READS)}")
        cut_vocabulary(trunk, texts, section.further_sub_words)
        _require_rebuilt(trunk, looked_at, said, "sub_words", "'all'", section.heads)
    return numbers


def _narrow(section: TransformerSection, trunk: Trunk, texts: Sequence[str]) -> None:
    """Leave each layer so many neurons and heads, of those that add most to the states of a draw of the texts."""
    drawn = np.random.default_rng(section.seed).permutation(len(texts))[:MEASURED]
    neurons, heads = most_important(trunk, [texts[row] for row in drawn], section.intermediate, section.heads)
    if neurons:
        keep_neurons(trunk, neurons)
    if heads:
        keep_heads(trunk.model, trunk.layers, heads)


@torch.no_grad()
def _states(trunk: Trunk, texts: list[str]) -> Tensor:
    """States `[tokens, width]` of all tokens of the texts."""
    tokens = tokenize(texts, trunk.tokenizer())
    ids, mask = pad_tokens(tokens, torch.arange(len(tokens)).numpy(), next(trunk.model.parameters()).device)
    return forward_all(trunk, ids, mask)[mask]


def _require_rebuilt(  # noqa: PLR0913
    trunk: Trunk, texts: list[str], said: Tensor, key: str, expected: str, heads: int | None = None
) -> None:
    """Refuse a cut that does not come back from what `model.json` and the weights say of it."""
    model = cast(Any, trunk.model)
    try:
        found = _states(replace(trunk, opened=rebuilt(model.config.to_dict(), model.state_dict(), heads)), texts)
        same = found.shape == said.shape and torch.allclose(found, said, rtol=NEAR, atol=NEAR * float(said.std()))
    except RuntimeError:
        same = False
    if not same:
        what = f"cuts that an architecture of kind {model.config.model_type!r} cannot be rebuilt from"
        raise RecipeError(f"key student.{key}", what, expected)
