"""A transformer student that goes on from a trained one, whose vocabulary may be another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor

from distill_rec.begin import Earlier
from distill_rec.files import read_json
from distill_rec.runtime.errors import RunError
from distill_rec.training.checkpoint import under
from distill_rec.trunks.encoder import TrunkEncoder
from distill_rec.trunks.smaller_vocabulary import ids_of, parts_of


def go_on(encoder: TrunkEncoder, layers: Sequence[int], earlier: Earlier) -> None:
    """Take over a trained encoder: the cut trunk and the head. Sub-words that it lacked begin as the PLM has them.

    Args:
        layers: numbers of the trunk's layers here.

    Raises:
        RunError: the earlier one has other layers, or is of another shape.
    """
    theirs = read_json(earlier.folder / "model.json").get("layers")
    if isinstance(theirs, int):  # older releases: the first so many
        theirs = list(range(theirs))
    if theirs is not None and theirs != list(layers):
        do = "Set student.layers back, or leave begin out to train anew."
        raise RunError(earlier.folder, f"layers {theirs} of the PLM", f"layers {list(layers)}, as here", do)
    model = cast(Any, encoder.trunk.model)
    own, given = model.state_dict(), under(earlier.tensors, "trunk")
    table = model.get_input_embeddings().weight
    for name in [name for name, one in own.items() if one.data_ptr() == table.data_ptr()]:
        if name in given and given[name].shape[1:] == table.shape[1:]:
            given[name] = _by_sub_word(encoder, table, given[name], earlier)
    earlier.fill_tensors(own, given)
    earlier.fill(encoder.head, "text_encoder.head")


def _by_sub_word(encoder: TrunkEncoder, table: Tensor, theirs: Tensor, earlier: Earlier) -> Tensor:
    """Their rows where they have the sub-word, else the table's own."""
    tokenizer = (earlier.folder / "tokenizer.json").read_text(encoding="utf-8")
    old, new = ids_of(parts_of(tokenizer)), ids_of(parts_of(encoder.trunk.tokenizer_json))
    names = [name for name in new if name in old and new[name] < len(table) and old[name] < len(theirs)]
    out = table.detach().clone()
    out[torch.tensor([new[name] for name in names])] = theirs[torch.tensor([old[name] for name in names])]
    return out
