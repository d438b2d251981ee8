"""A trunk made smaller, in place: some of its layers, some of its sub-words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from distill_rec.runtime.tokenizer import TextTokenizer
from distill_rec.trunks.load import Trunk, layer_list
from distill_rec.trunks.narrow import keep_heads
from distill_rec.trunks.narrow_states import shape_states
from distill_rec.trunks.smaller_tokenizer import special_ids, with_only
from distill_rec.trunks.smaller_vocabulary import kept_ids, parts_of

AT_ONCE = 4096
"""Texts whose ids are held at a time."""
WHOLE = 1_000_000
"""Tokens of a text that is not cut."""


def cut_layers(trunk: Trunk, numbers: Sequence[int]) -> None:
    """Leave the trunk the layers of these numbers, which begin at 0."""
    parent, name = layer_list(trunk.model)
    every = cast(nn.ModuleList, getattr(parent, name))
    setattr(parent, name, nn.ModuleList([every[number] for number in numbers]))
    config = cast(Any, trunk.model).config
    attribute = "num_hidden_layers" if hasattr(config, "num_hidden_layers") else "n_layers"
    kinds = getattr(config, "layer_types", None)
    setattr(config, attribute, len(numbers))
    if kinds is not None:  # of attention, looked up by a layer's number
        config.layer_types = [kinds[number] for number in numbers]


def cut_vocabulary(trunk: Trunk, texts: Sequence[str], further: int) -> None:
    """Leave the trunk the sub-words that these texts need, and what reads every other text.

    Args:
        trunk: whose tokenizer is of a kind that `smaller_vocabulary.READS` has.
        further: see `kept_ids`.
    """
    parts, model = parts_of(trunk.tokenizer_json), cast(Any, trunk.model)
    special = special_ids(parts["post_processor"]) | set(_named_ids(model.config).values())
    embedding = model.get_input_embeddings()
    rows = embedding.weight.shape[0]
    kept = [
        one
        for one in kept_ids(parts, used_ids(trunk.tokenizer_json, trunk.prefix, texts) | special, further)
        if one < rows
    ]
    embedding.weight = nn.Parameter(embedding.weight[kept].clone(), requires_grad=False)
    embedding.num_embeddings = len(kept)
    new = {old: place for place, old in enumerate(kept)}
    for name, old in _named_ids(model.config).items():
        setattr(model.config, name, new.get(old))
    embedding.padding_idx = new.get(embedding.padding_idx)
    model.config.vocab_size = len(kept)
    trunk.tokenizer_json = with_only(parts, kept)


def rebuilt(
    config: Mapping[str, Any], tensors: Mapping[str, Tensor], heads: int | None = None, width: int | None = None
) -> nn.Module:
    """A trunk's model from what its configuration says and its weights, in evaluation mode.

    Args:
        heads, width: so many attention heads of each layer and so many directions of tokens' states were kept; None:
            all that the configuration says.

    Raises:
        RuntimeError: weights that such a model does not have, or lacks.
    """
    from transformers import AutoConfig, AutoModel  # noqa: PLC0415

    content = dict(config)
    with torch.random.fork_rng(devices=[]):
        made = AutoModel.from_config(AutoConfig.for_model(content.pop("model_type"), **content), dtype=torch.float32)
    parent, name = layer_list(made)
    layers = cast(nn.ModuleList, getattr(parent, name))
    if heads is not None:
        keep_heads(made, layers, [torch.arange(heads)] * len(layers))
    if width is not None:
        shape_states(made, layers, width)
    made.load_state_dict(tensors)
    model: nn.Module = made.eval()
    return model


def used_ids(tokenizer_json: str, prefix: str, texts: Sequence[str]) -> set[int]:
    """Ids that whole texts are read as; of one that is cut off, what follows may decide the last ones."""
    tokenizer = TextTokenizer(tokenizer_json, WHOLE, special_tokens=True, prefix=prefix)
    found: set[int] = set()
    for at in range(0, len(texts), AT_ONCE):
        found.update(tokenizer.encode(texts[at : at + AT_ONCE])[0].tolist())
    return found


def _named_ids(config: Any) -> dict[str, int]:
    """Ids that a configuration names, as of padding."""
    return {
        name: value
        for name, value in vars(config).items()
        if name.endswith("_token_id") and isinstance(value, int) and value >= 0
    }
