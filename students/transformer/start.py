"""A transformer student: layers of the teacher's trunk, then pooling and a projection of its own."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from distill_rec.data.dataset import Dataset
from distill_rec.data.ragged import Ragged
from distill_rec.nn.from_recipe import training_texts
from distill_rec.nn.text_head import TextHead
from distill_rec.student_build import TextTarget, start_map
from distill_rec.trunks.encoder import TrunkEncoder, learning
from distill_rec.trunks.load import Trunk, pool
from students.transformer.spec import TransformerSection


def start_transformer(
    section: TransformerSection, trunk: Trunk, tokens: Ragged, dataset: Dataset, target: TextTarget | None
) -> TrunkEncoder:
    """A cut trunk (all its layers learn, its embeddings do not) with a linear map fitted to the target."""
    hidden = section.hidden if section.projection == "mlp" else 0
    head = TextHead(trunk.width, section.dim, hidden)
    encoder = TrunkEncoder(trunk, tokens, head, learning(trunk.layers), 0, None, section.optimizer.item_chunk)
    encoder.eval()
    rows = training_texts(dataset)
    pooled = torch.empty(len(rows), trunk.width)
    place = torch.empty(encoder.n_texts, dtype=torch.int64)
    place[rows] = torch.arange(len(rows))
    with torch.no_grad():
        for chunk in encoder.chunks(rows):
            pooled[place[chunk]] = encoder.pooled(chunk)
        unit = head.normalise(pooled)
        head.projection.start_from(start_map(unit, rows, section.dim, target))
    return encoder


class OnnxItemEncoder(nn.Module):
    """What is exported: token ids and mask to item vectors, everything included."""

    def __init__(self, encoder: TrunkEncoder) -> None:
        super().__init__()
        self.model = encoder.trunk.model
        self.head = encoder.head
        self.pooling = encoder.trunk.pooling
        cast(Any, self.model).set_attn_implementation("eager")

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        hidden = cast(Any, self.model)(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return self.head(pool(hidden, attention_mask, self.pooling))  # type: ignore[no-any-return]
