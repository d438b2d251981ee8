"""Where a static student starts: the trunk's sub-word vectors, reduced and weighted, and a map fitted to a target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill_rec.begin import Earlier
from distill_rec.data.dataset import Dataset
from distill_rec.data.ragged import Ragged
from distill_rec.nn.from_recipe import training_texts
from distill_rec.nn.projection import Projection, principal_directions, ridge
from distill_rec.progress import Progress
from distill_rec.runtime.tokenizer import TextTokenizer
from distill_rec.student_build import TextTarget, start_map
from distill_rec.training.checkpoint import under
from distill_rec.trunks.load import Trunk
from distill_rec.trunks.tokens import cached_tokens, tokenize
from distill_rec.trunks.vocabulary import phrase_vectors, token_embeddings, vocabulary_vectors
from students.static.encoder import StaticEncoder
from students.static.spec import StaticSection
from students.static.weights import by_catalogue, by_zipf
from students.static.words import with_words, words_of


def static_tokenizer(tokenizer_json: str, max_tokens: int) -> TextTokenizer:
    """A static student reads content tokens only: no special ones, unknown ones dropped."""
    return TextTokenizer(tokenizer_json, max_tokens, special_tokens=False, drop_unknown=True)


@dataclass(frozen=True)
class SubWords:
    """A vocabulary cut to the training texts.

    Attributes:
        vocabulary: see `StaticEncoder`.
        used, others: token ids that are rows of the table and of the fallback.
        weight: `[n_tokens]`, see `students.static.weights`.
        vectors: the trunk's, centred and reduced, `[n_tokens, table_dim]`.
        tokens: token ids of all texts.
        tokenizer_json: the trunk's tokenizer, with the words that have rows of their own.
    """

    vocabulary: Tensor
    used: Tensor
    others: Tensor
    weight: Tensor
    vectors: Tensor
    tokens: Ragged
    tokenizer_json: str

    def reads_empty(self, max_tokens: int) -> NDArray[np.bool_]:
        """Which texts are read as the empty one is, `[n_texts]`."""
        tokenizer = static_tokenizer(self.tokenizer_json, max_tokens)
        return tokenizer.reads_empty(self.tokens.values, self.tokens.offsets)


def sub_words(section: StaticSection, trunk: Trunk, dataset: Dataset, progress: Progress) -> SubWords:
    """Cut the vocabulary and reduce the trunk's vectors; both are fitted without new items."""
    learned = training_texts(dataset).numpy()
    words = words_of(section, trunk.tokenizer_json, [dataset.texts[row] for row in learned])
    tokenizer_json, ids = with_words(trunk.tokenizer_json, words)
    tokenizer = static_tokenizer(tokenizer_json, section.max_tokens)
    tokens = cached_tokens(dataset.texts, tokenizer)
    seen = torch.from_numpy(tokens.take(learned).values.astype(np.int64))
    if section.vocabulary == "all":
        vectors = torch.from_numpy(np.array(vocabulary_vectors(trunk, progress)))
    else:
        own = torch.unique(seen)
        vectors = vectors_from(trunk, own[~torch.isin(own, torch.tensor(ids, dtype=own.dtype))], progress)
    if words:
        vectors = with_rows(vectors, ids, torch.from_numpy(np.array(phrase_vectors(trunk, progress, words))))
    counts = torch.bincount(seen, minlength=len(vectors)).float()
    used, others = torch.nonzero(counts > 0)[:, 0], torch.nonzero(counts == 0)[:, 0]
    vocabulary = torch.empty(len(vectors), dtype=torch.int32)
    vocabulary[used] = torch.arange(len(used), dtype=torch.int32)
    vocabulary[others] = -1 - torch.arange(len(others), dtype=torch.int32)
    centred = vectors - vectors[used].mean(0)
    reduced = centred @ principal_directions(centred[used], section.table_dim)
    if section.token_weights == "catalogue":
        weight = by_catalogue(counts)
    else:
        weight = by_zipf(trunk.tokenizer_json, len(vectors))
        pieces = tokenize(words, static_tokenizer(trunk.tokenizer_json, section.max_tokens))
        for row, own in zip(ids, pieces, strict=True):  # a word is as rare as the rarest of its pieces
            weight[row] = weight[own].max()
    return SubWords(vocabulary, used, others, weight, reduced, tokens, tokenizer_json)


def with_rows(vectors: Tensor, ids: list[int], rows: Tensor) -> Tensor:
    """Vectors by token `[n_tokens, width]` with those of further tokens at their ids, zeros between."""
    out = vectors.new_zeros(max(len(vectors), max(ids) + 1), vectors.shape[1])
    out[: len(vectors)] = vectors
    out[ids] = rows
    return out


def vectors_from(trunk: Trunk, used: Tensor, progress: Progress) -> Tensor:
    """Vectors `[n_tokens, width]` of all sub-words by running the trunk over some of them.

    The others' are a ridge fit, on those, from the trunk's own embeddings of tokens.
    """
    known = torch.from_numpy(np.array(vocabulary_vectors(trunk, progress, used.numpy())))
    embeddings = token_embeddings(trunk)
    centred = embeddings - embeddings[used].mean(0)
    vectors = centred @ ridge(centred[used], known - known.mean(0)) + known.mean(0)
    vectors[used] = known
    return vectors


def start_static(section: StaticSection, words: SubWords, dataset: Dataset, target: TextTarget | None) -> StaticEncoder:
    """A static encoder whose linear map is a ridge fit to the target.

    Args:
        target: the teacher's text vectors; where not given (an undistilled student, or another number of
            dimensions) the map keeps the principal directions of the mean sub-word vectors.
    """
    weighted = words.vectors * words.weight[:, None]
    hidden = section.hidden if section.projection == "mlp" else 0
    projection = Projection(section.table_dim, section.dim, hidden)
    encoder = StaticEncoder(words.vocabulary, weighted[words.used], weighted[words.others], projection, words.tokens)
    rows = training_texts(dataset)
    with torch.no_grad():
        mean = encoder.mean(rows)
        unit = mean / mean.norm(dim=1, keepdim=True).clamp_min(1e-12)
        told = torch.from_numpy(encoder.rows.lengths[rows.numpy()] > 0)
        if bool(told.any()):  # where items without a text are learned from, they start among the others
            encoder.no_tokens.copy_(unit[told].mean(0))
        projection.start_from(start_map(unit, rows, section.dim, target))
    return encoder


def go_on(encoder: StaticEncoder, earlier: Earlier) -> None:
    """Take over a trained encoder: its map, and its vector of each sub-word, whether that was in its catalogue or not.

    Raises:
        RunError: it is of another shape, or of another PLM's sub-words.
    """
    old = under(earlier.tensors, "text_encoder")
    earlier.fill(encoder.projection, "text_encoder.projection")
    table = torch.cat([old["table"], (old["fallback"].float() * old["fallback_scale"][:, None]).flip(0)])
    row = old["vocabulary"].long()  # -1 - r of the fallback's row r is, from the end, its place in the reversed rows
    vectors = table[torch.where(row < 0, len(table) + row, row)]
    own = encoder.vocabulary.long()
    mine = torch.empty(len(own), encoder.table.shape[1])
    into = {"table": mine, "no_tokens": encoder.no_tokens}
    earlier.fill_tensors(into, {"table": vectors, "no_tokens": old["no_tokens"]})
    with torch.no_grad():
        encoder.table[own[own >= 0]] = mine[own >= 0]
        others = torch.zeros(len(encoder.fallback), mine.shape[1])
        others[-1 - own[own < 0]] = mine[own < 0]
        encoder.set_fallback(others)


def fit_fallback(encoder: StaticEncoder, words: SubWords) -> None:
    """Carry what training did to the table over to sub-words that it never saw: a ridge fit from start to end."""
    weighted = words.vectors * words.weight[:, None]
    with torch.no_grad():
        bent = ridge(weighted[words.used], encoder.table.detach().cpu())
        encoder.set_fallback((weighted[words.others] @ bent).to(encoder.table.device))
