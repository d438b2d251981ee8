"""From a student's settings to a model, started from the teacher or from the public PLM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from distill_rec.data.dataset import Dataset
from distill_rec.handover import marks_of
from distill_rec.knowledge import Knowledge
from distill_rec.nn.neutral import set_neutral
from distill_rec.nn.recommender import Recommender, TextEncoder
from distill_rec.nn.settings import make_offsets, user_settings
from distill_rec.nn.user_encoders import UserEncoder, make_user_encoder
from distill_rec.progress import Progress
from distill_rec.recipe import StudentSection
from distill_rec.students.static_encoder import StaticEncoder
from distill_rec.students.static_start import SubWords, fit_fallback, start_static, static_tokenizer, sub_words
from distill_rec.students.transformer_start import cut_trunk, start_transformer
from distill_rec.trunks.load import Trunk, load_trunk
from distill_rec.trunks.tokens import cached_tokens


@dataclass
class Built:
    """A student ready to train.

    Attributes:
        config: what `model.json` records: enough to load it without trunk or data.
        words: the vocabulary of a static student.
        empty: bool `[n_texts]`, texts that read as the empty one.
    """

    model: Recommender
    config: dict[str, Any]
    tokenizer_json: str
    words: SubWords | None
    empty: NDArray[np.bool_]

    def finish(self, dataset: Dataset) -> None:
        """What remains after training: a static student's fallback, and the vector of a text that says nothing."""
        if self.words is not None and isinstance(self.model.text_encoder, StaticEncoder):
            fit_fallback(self.model.text_encoder, self.words)
        set_neutral(self.model, self.empty, dataset)


def build_student(
    section: StudentSection, trunk_source: str, dataset: Dataset, knowledge: Knowledge | None, progress: Progress
) -> Built:
    """Build a student; `section.seed` draws what is random in it.

    Args:
        trunk_source: PLM of tokens and initial weights.
        knowledge: the teacher that it starts from: its item space (by a ridge fit), and where the shapes are
            equal its user encoder and offsets. Without one it starts from the public PLM alone.
    """
    torch.manual_seed(section.seed)
    trunk = load_trunk(trunk_source, max_tokens=section.max_tokens)
    same = knowledge is not None and knowledge.dim == section.dim
    target = torch.from_numpy(np.array(knowledge.text_vectors)) if knowledge is not None and same else None
    words = None
    encoder: TextEncoder
    if section.kind == "static":
        words = sub_words(section, trunk, dataset, progress)
        tokens, tokenizer = words.tokens, static_tokenizer(trunk.tokenizer_json, section.max_tokens)
        encoder = start_static(section, words, dataset, target)
    else:
        cut_trunk(trunk, section.layers)
        tokenizer = trunk.tokenizer()
        tokens = cached_tokens(dataset.texts, tokenizer, f"{trunk.tokenizer_json}|{trunk.max_tokens}|{trunk.prefix}")
        encoder = start_transformer(section, trunk, tokens, dataset, target)
    settings = user_settings(section, dataset)
    users = make_user_encoder(**settings)
    offsets = make_offsets(section, dataset)
    item_text = torch.from_numpy(dataset.item_text.astype(np.int64))
    model = Recommender(encoder, users, item_text, offsets)
    if knowledge is not None and same:
        _start_from_teacher(model, users, knowledge, settings)
    empty = tokenizer.reads_empty(tokens.values, tokens.offsets)
    return Built(model, _config(section, trunk, dataset, settings, model), trunk.tokenizer_json, words, empty)


def _start_from_teacher(model: Recommender, users: UserEncoder, knowledge: Knowledge, settings: dict[str, Any]) -> None:
    """Copy the teacher's user encoder and offsets where their shapes are the student's."""
    shape = ("kind", "dim", "max_history", "layers", "heads")
    if all(settings[key] == knowledge.user_settings[key] for key in shape):
        users.load_state_dict(knowledge.user_encoder.state_dict())
    if model.offsets is not None and knowledge.offsets is not None:
        with torch.no_grad():
            model.offsets.weight.copy_(torch.from_numpy(np.array(knowledge.offsets)))


def _config(
    section: StudentSection, trunk: Trunk, dataset: Dataset, settings: dict[str, Any], model: Recommender
) -> dict[str, Any]:
    return {
        "format_version": 1,
        "kind": section.kind,
        "dim": section.dim,
        "table_dim": section.table_dim,
        "layers": section.layers,
        "hidden": section.hidden if section.projection == "mlp" else 0,
        "projection": section.projection,
        "max_tokens": trunk.max_tokens,
        "prefix": trunk.prefix if section.kind == "transformer" else "",
        "pooling": trunk.pooling,
        "template": dataset.template,
        **marks_of(dataset),
        "unescape_html": dataset.unescape_html,
        "user_encoder": settings,
        "offsets": section.offsets,
        "trunk": {"source": trunk.source, "revision": trunk.revision, "digest": trunk.digest},
        "trunk_config": _trunk_config(section, trunk),
        "parameters": parameters_of(model),
    }


def _trunk_config(section: StudentSection, trunk: Trunk) -> dict[str, Any] | None:
    if section.kind == "static":
        return None
    config: Any = trunk.model.config
    return dict(config.to_dict())


def parameters_of(model: nn.Module) -> int:
    """Numbers that the model holds, a transformer's frozen embeddings and a static fallback included."""
    encoder = model.text_encoder
    count = sum(p.numel() for p in model.parameters())
    if isinstance(encoder, StaticEncoder):
        return count + encoder.fallback.numel()
    trunk = getattr(encoder, "trunk", None)
    if trunk is None:
        return count
    own = {id(p) for p in model.parameters()}
    return int(count + sum(p.numel() for p in trunk.model.parameters() if id(p) not in own))
