"""From a teacher's settings to a model, its trunk loaded and its frozen part cached."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill_rec.begin import Earlier
from distill_rec.contracts import Tuning
from distill_rec.data.dataset import Dataset
from distill_rec.data.ragged import Ragged
from distill_rec.nn.from_recipe import make_offsets, make_repeat, training_texts, user_settings
from distill_rec.nn.pooled_encoder import PooledEncoder
from distill_rec.nn.recommender import Recommender, TextEncoder
from distill_rec.nn.text_head import TextHead
from distill_rec.nn.user_encoders import make_user_encoder
from distill_rec.progress import Progress
from distill_rec.training.checkpoint import under
from distill_rec.trunks.encoder import TrunkEncoder
from distill_rec.trunks.load import Trunk, open_trunk
from distill_rec.trunks.prefix import cached_pooled, cached_states
from distill_rec.trunks.tokens import cached_tokens
from distill_rec.trunks.vectors import is_vector_file, read_vectors
from teachers.bi_encoder.post_training.trunk import post_train_trunk
from teachers.bi_encoder.spec import BiEncoderSection


@dataclass
class Source:
    """Where a teacher's texts come from: a trunk with its tokens, or vectors of a file.

    Attributes:
        record: what is written down of it: source, revision, digest, pooling, prefix, longest text.
        known: bool `[n_items]`, items that a file has a vector of; None: all.
    """

    trunk: Trunk | None
    vectors: Tensor | None
    record: dict[str, Any]
    known: NDArray[np.bool_] | None = None


def open_source(
    section: BiEncoderSection, dataset: Dataset, device: torch.device, learned: Path | None = None
) -> Source:
    """Open the trunk (for the device), or read the file of vectors.

    Args:
        learned: weights of the section's post-training; None: the PLM as it is.
    """
    if is_vector_file(section.trunk):
        vectors, digest = read_vectors(section.trunk, dataset.items["item_id"].to_list())
        record = {"source": section.trunk, "revision": "", "digest": digest, "width": vectors.shape[1]}
        return Source(None, torch.from_numpy(vectors), record)
    trunk = open_trunk(section.trunk, section.revision, section.pooling, section.max_tokens, section.prefix)
    trunk.precision = section.trunk_precision
    if learned is not None and section.post_training is not None:
        post_train_trunk(trunk, learned, section.post_training.tuning)
    trunk.to(device)
    record = {
        "source": trunk.source,
        "revision": trunk.revision,
        "digest": trunk.digest,
        "width": trunk.width,
        "pooling": trunk.pooling,
        "prefix": trunk.prefix,
        "max_tokens": trunk.max_tokens,
    }
    return Source(trunk, None, record)


def pooled_vectors(source: Source, dataset: Dataset, progress: Progress) -> Tensor:
    """Vectors of the untouched trunk, mean-pooled where the head learns to pool, `[n, width]`; one row per text.

    A file of vectors has one row per item instead.
    """
    if source.trunk is None:
        assert source.vectors is not None
        return source.vectors
    trunk = source.trunk
    tokens = tokens_of(trunk, dataset.texts)
    return torch.from_numpy(np.array(cached_pooled(dataset.texts, tokens, trunk, pooling_of(trunk), progress)))


def pooling_of(trunk: Trunk) -> str:
    """How vectors of the untouched trunk are pooled."""
    return "mean" if trunk.pooling == "attention" else trunk.pooling


def tokens_of(trunk: Trunk, texts: list[str]) -> Ragged:
    """Token ids of each text, as the trunk reads them."""
    return cached_tokens(texts, trunk.tokenizer())


def empty_texts(trunk: Trunk, dataset: Dataset) -> NDArray[np.bool_]:
    """Which texts read as the empty one, `[n_texts]`."""
    tokenizer = trunk.tokenizer()
    tokens = tokens_of(trunk, dataset.texts)
    return tokenizer.reads_empty(tokens.values, tokens.offsets)


def build_teacher(
    section: BiEncoderSection, source: Source, dataset: Dataset, device: torch.device, progress: Progress
) -> Recommender:
    """A teacher with fitted, untrained head; `section.seed` draws what is random in it."""
    torch.manual_seed(section.seed)
    pooled = pooled_vectors(source, dataset, progress)
    by_item = source.trunk is None
    attention = source.trunk is not None and source.trunk.pooling == "attention"
    hidden = section.hidden if section.projection == "mlp" else 0
    head = TextHead(pooled.shape[1], section.dim, hidden, section.whiten, attention)
    known = ~dataset.new if source.known is None else ~dataset.new & source.known
    fitted = torch.from_numpy(np.flatnonzero(known)) if by_item else training_texts(dataset)
    head.fit(pooled[fitted])
    if section.begin and section.whiten:  # what the earlier head reads; the texts' vectors are made with it below
        earlier = Earlier.load(section.begin)
        own = under(earlier.tensors, "text_encoder.head")
        earlier.fill_tensors({"mean": head.mean, "matrix": head.matrix}, own)
    encoder: TextEncoder
    if source.trunk is None or (frozen(section, source.trunk) and not attention):
        encoder = PooledEncoder(pooled, head)
    else:
        chunk = (section.trunk_optimizer or section.optimizer).item_chunk
        encoder = trunk_encoder(section.how, source.trunk, dataset.texts, head, chunk, progress)
    item_text = torch.arange(dataset.n_items) if by_item else torch.from_numpy(dataset.item_text.astype(np.int64))
    users = make_user_encoder(**user_settings(section, dataset))
    offsets = make_offsets(section, dataset)
    return Recommender(encoder, users, item_text, offsets, make_repeat(section)).to(device)


def frozen(section: BiEncoderSection, trunk: Trunk) -> bool:
    """Whether nothing of the trunk learns."""
    return section.how.lowest(trunk.depth) == trunk.depth


def trunk_encoder(
    how: Tuning, trunk: Trunk, texts: list[str], head: TextHead, chunk: int, progress: Progress
) -> TrunkEncoder:
    """An encoder of texts from the cached states of the layers that do not learn on.

    Args:
        how: changes the trunk so that something of it learns.
        chunk: texts encoded at once.
    """
    tokens = tokens_of(trunk, texts)
    lowest = how.lowest(trunk.depth)
    states = None if lowest is None else cached_states(texts, tokens, trunk, lowest, progress)
    tuned = how.prepare(trunk)
    encoder = TrunkEncoder(trunk, tokens, head, tuned, lowest or 0, states, chunk)
    encoder.to(next(trunk.model.parameters()).device)
    encoder.check_states()
    return encoder
