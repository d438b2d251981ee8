"""The encoder of texts that come after a training, fitted to where the clicks put the items.

While a student learns, an item's offset takes what its text does not say, so that nothing asks of the text alone to
say where an item belongs; and the vectors of sub-words remember the titles that they were trained on. A text that comes
later has no offset. Here it is predicted: a ridge regression from texts to the finished vectors of the items that were
clicked (as attributes are mapped to factors in Gantner et al. 2010, "Learning attribute-to-feature mappings for
cold-start recommendations", ICDM), from where the PLM put the sub-words and not from where training did.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy import sparse
from scipy.special import logsumexp

from distill_rec.artifact.new_level import NewLevel
from distill_rec.data.dataset import Dataset
from distill_rec.data.ragged import Ragged
from distill_rec.nn.projection import Projection, principal_directions
from distill_rec.nn.recommender import Recommender
from distill_rec.progress import Progress, Quiet
from distill_rec.training.unclicked_level import constant_direction
from students.static.encoder import StaticEncoder
from students.static.ridge import Floats, ridge
from students.static.spec import MOST_FITTED, StaticSection
from students.static.start import SubWords

FEW = 5
"""Clicks that count as much as what no clicks would tell."""

HISTORIES = 1000
"""Of validation data, that say what level is missing."""

LENGTHS = 4
"""One in so many numbers of a row says how much text there is, and nothing of the item."""

SIZE = 0.5
"""Of a row's part that is the item's, beside the other: the smaller, the more of it is lost where rows are int8."""


def fit_later(
    words: SubWords, model: Recommender, dataset: Dataset, section: StaticSection, progress: Progress | None = None
) -> StaticEncoder:
    """An encoder whose vectors of texts are near those of the clicked items that have them.

    A text's vector is `c + sum_t w_t y_t / sqrt(sum_t w_t^2)` over its sub-words t, with the weights that training
    began with and `y_t = P x_t + d_t`: x_t the PLM's vector, P shared by all, d_t the sub-word's own, zero for those
    that no clicked item has. An item counts c / (c + 5), c its clicks, because a vector that few made is mostly chance.

    A static encoder divides by the length of the sum of its rows, so that a row is `y_t` (its principal directions,
    where it has not enough numbers) beside a random direction, alike for no two sub-words, whose sum is about as long
    as that root. The second of two fits is with the lengths that the rows of the first have.

    A prediction is drawn to the middle, so that predicted items stand lower, on the whole, than they would had they
    been clicked. All are raised together, by `section.new_level` of what they lack: see `missing_level`, of items that
    are predicted by a fit to the others.

    Args:
        model: trained; the item vectors that it has are the target.

    Returns:
        The encoder, set to the catalogue's texts.
    """
    vectors, table_dim = model.item_vectors(), section.table_dim
    warm = np.flatnonzero(dataset.warm)
    warm = np.sort(warm[np.argsort(-dataset.train_clicks[warm], kind="stable")[:MOST_FITTED]])
    bags = _bags(words.tokens, len(words.weight))[dataset.item_text[warm]]
    target = vectors[torch.from_numpy(warm)].float().cpu().numpy()
    # A text without sub-words reads as one that has a sub-word of its own, of which the PLM knows nothing.
    weight = np.append(words.weight.float().numpy(), np.float32(1))
    x = np.vstack([words.vectors.float().numpy(), np.zeros((1, words.vectors.shape[1]), np.float32)])
    directions = _directions(len(weight), max(table_dim // LENGTHS, 1), section.seed)
    clicks = dataset.train_clicks[warm].astype(np.float32)
    counts = clicks / (clicks + FEW)
    weighted = bags @ sparse.diags(weight)
    lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(1)).ravel())
    some = np.arange(min(len(dataset.validation), HISTORIES))
    with (progress or Quiet()).task("texts that come later", 4 if len(some) else 2) as task:

        def fit(part: Any, target: Floats, counts: Floats) -> tuple[Floats, Floats]:
            found = ridge(part, x, target, counts)
            task.advance()
            return found

        for _ in range(2):
            features = (sparse.diags(1 / lengths) @ weighted).astype(np.float32)
            of_words, constant = fit(features, target, counts)
            rows, back = _rows(of_words, weight, directions, table_dim, features @ of_words)
            lengths = np.maximum(np.linalg.norm(bags @ rows, axis=1), 1e-12)
        predicted = _from_other_half(features, target, counts, section.seed, fit) if len(some) else target
    missing = np.zeros_like(constant)
    if len(some):
        users = model.user_vectors(dataset.validation.history.take(some), vectors)
        width = min(section.nested, default=users.shape[1])
        along = constant_direction(torch.from_numpy(users[:, :width])).numpy()
        missing[:width] = missing_level(target, predicted, users) * along
    encoder = _encoder(words, rows, back, constant + section.new_level * missing)
    encoder.new_level = NewLevel(missing.astype(np.float32), section.new_level)
    return encoder


def _from_other_half(
    features: Any,
    target: Floats,
    counts: Floats,
    seed: int,
    fit: Callable[[Any, Floats, Floats], tuple[Floats, Floats]],
) -> Floats:
    """Each item's vector `[n, dim]` as it is predicted by a fit to the half that it is not in."""
    first = np.random.default_rng(seed).random(len(target)) < 0.5
    predicted = target.copy()
    for half in (first, ~first):
        if half.any() and not half.all():
            of_words, constant = fit(features[~half], target[~half], counts[~half])
            predicted[half] = features[half] @ of_words + constant
    return predicted


def missing_level(vectors: Floats, predicted: Floats, users: Floats) -> float:
    """What scores of predicted vectors lack: the mean over users of `log sum exp(u.v) - log sum exp(u.p)`.

    Args:
        vectors, predicted: of the same items `[n, dim]`.
        users: `[n_users, dim]`.
    """
    return float((logsumexp(users @ vectors.T, axis=1) - logsumexp(users @ predicted.T, axis=1)).mean())


def _bags(tokens: Ragged, n_tokens: int) -> Any:
    """How often each text has each sub-word, sparse `[n_texts, n_tokens + 1]`; the last: that it has none."""
    row = np.repeat(np.arange(len(tokens)), tokens.lengths)
    empty = np.flatnonzero(tokens.lengths == 0)
    column = np.concatenate([tokens.values, np.full(len(empty), n_tokens)])
    ones = np.ones(len(column), np.float32)
    return sparse.csr_matrix((ones, (np.concatenate([row, empty]), column)), shape=(len(tokens), n_tokens + 1))


def _directions(count: int, width: int, seed: int) -> Floats:
    """So many random directions `[count, width]`."""
    drawn = np.random.default_rng(seed).standard_normal((count, width), np.float32)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), dtype=np.float32)


def _rows(
    of_words: Floats, weight: Floats, directions: Floats, table_dim: int, predicted: Floats
) -> tuple[Floats, Floats]:
    """Rows of a static encoder's table `[n_tokens, table_dim]`, and the map back `[table_dim, dim]`.

    Args:
        of_words: `y_t` `[n_tokens, dim]`.
        predicted: vectors of texts `[n, dim]`, whose principal directions are kept.
    """
    kept = min(of_words.shape[1], table_dim - directions.shape[1])
    centred = torch.from_numpy(np.asarray(predicted - predicted.mean(0)))
    basis = principal_directions(centred, kept).numpy()
    own = of_words @ basis
    size = float(SIZE * np.sqrt(kept / directions.shape[1]) / max(np.sqrt(np.square(own).sum(1).mean()), 1e-12))
    spare = np.zeros((len(own), table_dim - directions.shape[1] - kept), np.float32)
    rows = weight[:, None] * np.concatenate([size * own, spare, directions], axis=1)
    back = np.zeros((table_dim, of_words.shape[1]), np.float32)
    back[:kept] = basis.T / size
    return rows, back


def _encoder(words: SubWords, rows: Floats, back: Floats, constant: Floats) -> StaticEncoder:
    table = torch.from_numpy(rows).float()
    projection = Projection(table.shape[1], back.shape[1])
    encoder = StaticEncoder(words.vocabulary, table[words.used], table[words.others], projection, words.tokens)
    with torch.no_grad():
        encoder.no_tokens.copy_(table[-1])
        projection.linear.weight.copy_(torch.from_numpy(back.T))
        projection.linear.bias.copy_(torch.from_numpy(constant))
    return encoder.eval()
