"""The trunk cut to a transformer student's own: its layers, what is in each, its sub-words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor

from distill_rec.plm_config import PlmConfig
from distill_rec.runtime.errors import RecipeError
from distill_rec.trunks.cut import cut_layers, cut_vocabulary, rebuilt
from distill_rec.trunks.load import Trunk
from distill_rec.trunks.prefix import forward_all, pad_tokens
from distill_rec.trunks.smaller_vocabulary import READS, parts_of
from distill_rec.trunks.tokens import tokenize
from students.transformer.asked import WHAT, Narrow, layers_of, refuse_narrow
from students.transformer.narrow import drawn_from, narrow_layers
from students.transformer.spec import TransformerSection

LOOKED_AT = 8
"""Texts that show whether what is written is what was trained."""
NEAR = 1e-4


@dataclass(frozen=True)
class Cut:
    """What a cut trunk is beside what its configuration says.

    Attributes:
        layers: numbers of the PLM's layers, from 0.
        heads, width: attention heads of a layer and dimensions of a token's state, where some of them were left out.
    """

    layers: list[int]
    heads: int | None
    width: int | None


def cut_trunk(
    section: TransformerSection,
    trunk: Trunk,
    texts: Sequence[str],
    learned: Sequence[str] | None = None,
    directions: Tensor | None = None,
) -> Cut:
    """Leave the trunk the layers and sub-words that the section asks for, and what is in each layer, in place.

    Args:
        texts: of the catalogue.
        learned: of these those that may decide what is kept; all where not given.
        directions: that states are turned to, `[width, kept]`; those in which they vary most where not given.

    Raises:
        RecipeError: the trunk has not these layers, neurons, heads or dimensions, its layers or its tokenizer are of a
            kind that cannot be cut, or its architecture builds a layer by its place, so that the cut trunk could not
            be written down.
    """
    numbers = layers_of(section.layers, trunk.depth)
    refuse_narrow(section.narrow, PlmConfig.of(cast(Any, trunk.model).config.to_dict()))
    cut = Cut(numbers, section.heads, None if section.width == trunk.width else section.width)
    cut_layers(trunk, numbers)
    looked_at = list(texts[:LOOKED_AT])
    said = _states(trunk, looked_at)
    if numbers != list(range(len(numbers))):
        _require_rebuilt(trunk, looked_at, said, "layers", "a number of layers, the first ones")
    if section.narrow != Narrow():
        drawn = drawn_from(texts if learned is None else learned, section.seed)
        narrow_layers(replace(section.narrow, width=cut.width), trunk, numbers, drawn, directions)
        said = _states(trunk, looked_at)
        key = next(key for key in WHAT if getattr(section, key) is not None)
        _require_rebuilt(trunk, looked_at, said, key, "all of the PLM's", cut)
    if section.sub_words == "catalogue":
        kind = parts_of(trunk.tokenizer_json)["model"]["type"]
        if kind not in READS:
            found = f"'catalogue', and the tokenizer of {trunk.source} is of kind {kind}"
            raise RecipeError("key student.sub_words", found, f"'all', or a tokenizer of kind {', '.join(READS)}")
        cut_vocabulary(trunk, texts, section.further_sub_words)
        _require_rebuilt(trunk, looked_at, said, "sub_words", "'all'", cut)
    return cut


@torch.no_grad()
def _states(trunk: Trunk, texts: list[str]) -> Tensor:
    """States `[tokens, width]` of all tokens of the texts."""
    tokens = tokenize(texts, trunk.tokenizer())
    ids, mask = pad_tokens(tokens, torch.arange(len(tokens)).numpy(), next(trunk.model.parameters()).device)
    return forward_all(trunk, ids, mask)[mask]


def _require_rebuilt(  # noqa: PLR0913
    trunk: Trunk, texts: list[str], said: Tensor, key: str, expected: str, cut: Cut | None = None
) -> None:
    """Refuse a cut that does not come back from what `model.json` and the weights say of it."""
    model, shape = cast(Any, trunk.model), (None, None) if cut is None else (cut.heads, cut.width)
    try:
        found = _states(replace(trunk, opened=rebuilt(model.config.to_dict(), model.state_dict(), *shape)), texts)
        same = found.shape == said.shape and torch.allclose(found, said, rtol=NEAR, atol=NEAR * float(said.std()))
    except RuntimeError:
        same = False
    if not same:
        what = f"cuts that an architecture of kind {model.config.model_type!r} cannot be rebuilt from"
        raise RecipeError(f"key student.{key}", what, expected)
