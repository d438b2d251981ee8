"""Teachers merged into a student's first weights: their sum of scores, in the student's dimensions, with no training.

Every teacher scores by `v . u`, so that a sum of teachers does too, with their vectors side by side
(`distill_rec.nn.side_by_side`); only, these are as wide as all of them together. Here the width is cut where the scores
miss it least. A student that begins so has the user encoders of all its teachers, one item vector, and no PLM.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill_rec.data.dataset import Dataset, Sequences
from distill_rec.data.ragged import Ragged
from distill_rec.data.slices import Slices
from distill_rec.knowledge import Knowledge
from distill_rec.losses.spec import ITEM_VECTORS, USER_VECTORS
from distill_rec.nn.from_settings import user_encoder_of
from distill_rec.nn.merged import KIND, MergedUserEncoder
from distill_rec.nn.recommender import user_vectors
from distill_rec.nn.side_by_side import SideBySide
from distill_rec.nn.user_encoders import UserEncoder
from distill_rec.recipe import StudentSection
from distill_rec.runtime.errors import RecipeError

CPU = torch.device("cpu")

HISTORIES = 5000
"""Of training data, drawn, that say which directions users look in."""

FLOOR = 1e-9
"""Smallest variance of a direction, as a share of the largest, that is told from rounding."""


@dataclass(frozen=True)
class Narrowed:
    """The best scores that so few dimensions hold.

    Attributes:
        items: `[wide, dim]`; an item's vector is `(v - mean) @ items`.
        users: `[wide, dim]`; a user's is `u @ users`, and `(v - mean) @ items @ users.T + mean` is near v.
        mean: `[wide]`, of the item vectors.
    """

    items: Tensor
    users: Tensor
    mean: Tensor


def narrowed(items: Tensor, users: Tensor, dim: int, *, turned: bool) -> Narrowed:
    """Cut item and user vectors to the dimensions in which their products lose least.

    Least in the sum of squares of `u . (v - mean)` over all pairs, by the singular values of the product of both
    second moments' roots (reduced-rank regression; in control theory balanced truncation, Moore 1981, section IV). What
    all items share moves no ranking and is left out. Dimensions above the rank are zero.

    Args:
        items: `[n_items, wide]`.
        users: `[n_users, wide]`.
        turned: by a random rotation of what is kept, so that all dimensions count alike, as int8 rows and optimisers
            have it best; else they are in the order of what they hold, so that the first few work alone.
    """
    mean = items.double().mean(0)
    root_items, root_users = _root(items.double() - mean), _root(users.double())
    left, values, right = torch.linalg.svd(root_users.T @ root_items)
    kept = min(dim, int((values > values[0] * FLOOR).sum()))
    # Both sides hold the root of what a dimension gives, up to one factor: items then are as long as they were.
    scale = values[:kept].rsqrt()
    of_items = (root_users @ left[:, :kept]) * scale
    of_users = (root_items @ right[:kept].T) * scale
    length = ((items.double() - mean).square().sum() / ((items.double() - mean) @ of_items).square().sum()).sqrt()
    of_items, of_users = of_items * length, of_users / length
    if turned:
        generator = torch.Generator().manual_seed(0)
        turn = torch.linalg.qr(torch.randn(dim, kept, generator=generator, dtype=torch.float64))[0].T
    else:
        turn = torch.eye(kept, dim, dtype=torch.float64)
    return Narrowed((of_items @ turn).float(), (of_users @ turn).float(), mean.float())


def _root(x: Tensor) -> Tensor:
    """L `[wide, wide]` with `L @ L.T` the second moment of `x` `[n, wide]`."""
    values, vectors = torch.linalg.eigh(x.T @ x / len(x))
    root: Tensor = vectors * values.clamp_min(0.0).sqrt()
    return root


def merged(knowledge: Knowledge, section: StudentSection, dataset: Dataset) -> Knowledge:
    """What teachers know together in a student's dimensions: what it begins with.

    Teachers without a weight are left out. As wide as the others together, it is they; see `narrowed` of less.

    Raises:
        RecipeError: a teacher hands over scores alone.
    """
    if not {ITEM_VECTORS, USER_VECTORS} <= knowledge.supplies:
        found = "'merged', where a teacher hands over scores alone"
        raise RecipeError("key student.start", found, "teachers of item and user vectors, or 'none'")
    taught, each = knowledge.user_encoder, knowledge.user_settings.get("parts", [knowledge.user_settings])
    if not isinstance(taught, SideBySide):
        taught = SideBySide([taught], [1.0])
    used = [number for number, weight in enumerate(taught.weights.tolist()) if weight != 0]
    parts = [cast(UserEncoder, taught.parts[number]) for number in used]
    encoder = SideBySide(parts, taught.weights[used].tolist()).eval()
    columns = (taught.weights != 0).repeat_interleave(torch.tensor(taught.dims))
    items, texts = (knowledge.tensor(name, CPU)[:, columns] for name in ("item_vectors", "text_vectors"))
    if section.dim == encoder.dim and not section.nested:
        same = torch.eye(section.dim)
        cut = Narrowed(same, same, torch.zeros(section.dim))
    else:
        users = user_vectors(encoder, drawn_histories(dataset, HISTORIES), items)
        known = torch.from_numpy(known_items(knowledge, dataset))
        cut = narrowed(items[known], torch.from_numpy(users), section.dim, turned=not section.nested)
    vectors, texts = (items - cut.mean) @ cut.items, (texts - cut.mean) @ cut.items
    settings = {
        "kind": KIND,
        "dim": section.dim,
        "max_history": encoder.max_history,
        "parts": [{**each[number], "dropout": section.dropout} for number in used],
    }
    return replace(
        knowledge,
        item_vectors=vectors.numpy(),
        text_vectors=texts.numpy(),
        offsets=(vectors - texts[torch.from_numpy(dataset.item_text.astype(np.int64))]).numpy(),
        user_encoder=_behind(cut, encoder, settings),
        user_settings=settings,
    )


def _behind(cut: Narrowed, encoder: SideBySide, settings: dict[str, Any]) -> UserEncoder:
    """The encoders, behind item vectors that were cut."""
    made = user_encoder_of(settings)
    assert isinstance(made, MergedUserEncoder)
    made.parts.load_state_dict(encoder.parts.state_dict())
    factors = encoder.weights.repeat_interleave(torch.tensor(encoder.dims))
    with torch.no_grad():
        made.widen.weight.copy_(cut.users)
        made.widen.bias.copy_(cut.mean)
        made.narrow.weight.copy_(cut.users.T * factors)
    return made


def known_items(knowledge: Knowledge, dataset: Dataset) -> NDArray[np.bool_]:
    """Items of the catalogue that are not new, and that some teacher knows, `[n_items]`."""
    return ~dataset.new if knowledge.knows is None else ~dataset.new & np.asarray(knowledge.knows)


def drawn_histories(dataset: Dataset, most: int) -> Ragged:
    """At most so many histories of training data: of a log one of each user, up to a click that is drawn."""
    samples, generator = dataset.train, np.random.default_rng(0)
    rows = np.sort(generator.choice(len(samples), min(most, len(samples)), replace=False))
    if not isinstance(samples, Sequences):
        return samples.history.take(rows)
    clicks = samples.items.take(rows)
    end = clicks.offsets[:-1] + generator.integers(0, clicks.lengths, endpoint=True)
    begin = np.maximum(clicks.offsets[:-1], end - dataset.max_history)
    return Slices(clicks.values, begin, end).take(np.arange(len(rows)))
