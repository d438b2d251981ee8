"""From a transformer student's settings to a model, started from the teacher or from the public PLM."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

import torch
from torch import Tensor

from distill_rec.data.dataset import Dataset
from distill_rec.knowledge import Knowledge
from distill_rec.nn.from_recipe import training_texts
from distill_rec.nn.recommender import Recommender
from distill_rec.progress import Progress
from distill_rec.student_build import Built, TextTarget, assemble, config_of, under_text_encoder
from distill_rec.trunks.load import Trunk, load_trunk
from distill_rec.trunks.tokens import cached_tokens
from students.transformer.cut import cut_trunk
from students.transformer.go_on import go_on
from students.transformer.narrow import directions_of
from students.transformer.spec import TransformerSection
from students.transformer.start import start_transformer


def build(
    section: TransformerSection, trunk: str, dataset: Dataset, knowledge: Knowledge | None, progress: Progress
) -> Built:
    """See `contracts.BuildStudent`."""
    torch.manual_seed(section.seed)
    plm = load_trunk(trunk, max_tokens=section.max_tokens, prefix=section.prefix)
    learned = [dataset.texts[row] for row in training_texts(dataset)]
    cut = cut_trunk(section, plm, dataset.texts, learned, directions_of(section.begin))
    tokenizer = plm.tokenizer()
    tokens = cached_tokens(dataset.texts, tokenizer)
    encoder = start_transformer(section, plm, tokens, dataset, TextTarget.of(knowledge, section, dataset))
    model, users = assemble(section, encoder, dataset, knowledge)
    config: Any = plm.model.config
    own = {
        **asdict(cut),
        "prefix": plm.prefix,
        "trunk_config": dict(config.to_dict()),
    }
    recorded = config_of(section, plm, dataset, users, _parameters(model, plm)) | own
    empty = tokenizer.reads_empty(tokens.values, tokens.offsets)

    return Built(
        model,
        recorded,
        plm.tokenizer_json,
        empty,
        encoder_tensors=partial(_tensors, model, plm),
        go_on=partial(go_on, encoder, cut.layers),
    )


def _tensors(model: Recommender, plm: Trunk) -> dict[str, Tensor]:
    """The whole trunk once, and of the encoder what is not a part of it."""
    own = {name: value for name, value in under_text_encoder(model).items() if ".tuned." not in name}
    return own | {f"trunk.{name}": value for name, value in plm.model.state_dict().items()}


def _parameters(model: Recommender, plm: Trunk) -> int:
    """Numbers that the model holds, the frozen embeddings included."""
    own = {id(p) for p in model.parameters()}
    frozen = sum(p.numel() for p in plm.model.parameters() if id(p) not in own)
    return int(sum(p.numel() for p in model.parameters()) + frozen)
