"""What a batch is trained on: the clicks alone here; `distill_rec.distillation.objective` adds the teacher."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from distill_rec.evaluation.protocol import Samples
from distill_rec.evaluation.scorer import DotScorer
from distill_rec.losses import catalogue_loss, impression_click_loss
from distill_rec.nn.recommender import Recommender
from distill_rec.nn.user_encoders import UserEncoder
from distill_rec.training.batches import Batch, ImpressionBatch, Indices, SequenceBatch
from distill_rec.training.histories import Histories
from distill_rec.training.repeats import candidate_buckets, numbers_at, sequence_places


@dataclass(frozen=True)
class Scene:
    """A batch's tensors, items renumbered within the window.

    Attributes:
        items: item indices `[m]` of the window; for clicks, all warm items (those that may be negatives).
        vectors: their vectors `[m, dim]`, offsets included.
        history, mask: `[batch, length]`, numbers within `items`.
        users: the user vector of each target `[n_targets, dim]`, or of each impression `[batch, dim]`.
        repeat: numbers `[BUCKETS]` of the model's repeat term; None where it has none.
    """

    items: Tensor
    vectors: Tensor
    history: Tensor
    mask: Tensor
    users: Tensor
    batch: Batch
    repeat: Tensor | None = None


def gather_users(positions: Tensor, batch: SequenceBatch) -> Tensor:
    """User vectors of a batch's targets `[n_targets, dim]` from those of all positions."""
    _, length, dim = positions.shape
    index = torch.from_numpy(batch.row * length + batch.position).to(positions.device)
    # embedding's gradient is deterministic and several times faster than that of indexing.
    return functional.embedding(index, positions.reshape(-1, dim))


def users_of(encoder: UserEncoder, clicked: Tensor, mask: Tensor, batch: Batch) -> Tensor:
    """User vectors `[n, dim]` of a batch's targets, or of its impressions.

    Args:
        clicked: item vectors of the histories `[batch, length, dim]`.
        mask: bool `[batch, length]`, false where padded.
    """
    if isinstance(batch, SequenceBatch):
        return gather_users(encoder.all_positions(clicked, mask), batch)
    users: Tensor = encoder(clicked, mask)
    return users


def make_scene(model: Recommender, items: Tensor, place: Tensor, vectors: Tensor, batch: Batch) -> Scene:
    """Run the user encoder over a batch.

    Args:
        items: item indices of the window `[m]`.
        place: `[n_items]`, where in `items` each item stands.
        vectors: `[m, dim]`.
    """
    device = vectors.device
    mask = torch.from_numpy(batch.mask).to(device)
    history = _numbers(batch.history, mask, place)
    clicked = functional.embedding(history, vectors)
    users = users_of(model.user_encoder, clicked, mask, batch)
    repeat = None if model.repeat_term is None else model.repeat_term()
    return Scene(items, vectors, history, mask, users, batch, repeat)


def first_numbers(scene: Scene, width: int) -> Scene:
    """With only so many numbers of each vector; the user encoder has read all of them."""
    vectors, users = (both[:, :width].contiguous() for both in (scene.vectors, scene.users))
    return replace(scene, vectors=vectors, users=users)


def candidates_of(scene: Scene, batch: ImpressionBatch, place: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Candidates (numbers within the window), mask and labels `[batch, n_candidates]` as tensors."""
    device = scene.vectors.device
    shown = torch.from_numpy(batch.shown).to(device)
    return _numbers(batch.candidates, shown, place), shown, torch.from_numpy(batch.labels).to(device)


def candidate_scores(scene: Scene, batch: ImpressionBatch, candidates: Tensor) -> Tensor:
    """Scores of a batch's candidates (numbers within the window), `[batch, n_candidates]`, repeat term included."""
    scores = (functional.embedding(candidates, scene.vectors) * scene.users[:, None]).sum(-1)
    if scene.repeat is not None:
        scores = scores + numbers_at(scene.repeat, candidate_buckets(batch, scores.device))
    return scores


def _numbers(items: Indices, mask: Tensor, place: Tensor) -> Tensor:
    """Numbers within the window; padding, whose item may not be in it, reads the first."""
    return torch.where(mask, place[torch.from_numpy(items).to(place.device)], 0)


class Objective(nn.Module):
    """The click loss; a subclass adds signals and owns the modules that only training needs.

    Args:
        nested: widths and weights: losses of scores are added whose vectors have only their first numbers.
        histories: changes those that are learned from; the data's own where not given.

    Attributes:
        scheduled: keys of the losses that change, and their values in this window; none here.
    """

    def __init__(self, nested: Sequence[tuple[int, float]] = (), histories: Histories | None = None) -> None:
        super().__init__()
        self.nested, self.histories = tuple(nested), histories
        self.scheduled: dict[str, float] = {}

    def batch_loss(self, scene: Scene, place: Tensor) -> Tensor:
        """Loss of a batch, a scalar."""
        return self.over_widths(scene, lambda one: self._clicks(one, place))

    def over_widths(self, scene: Scene, loss: Callable[[Scene], Tensor]) -> Tensor:
        """A loss of scores, and the same of each nested width by its weight (Kusupati et al. 2022, eq. 1)."""
        total = loss(scene)
        for width, weight in self.nested:
            total = total + weight * loss(first_numbers(scene, width))
        return total

    def _clicks(self, scene: Scene, place: Tensor) -> Tensor:
        batch = scene.batch
        if isinstance(batch, SequenceBatch):
            target, weight = sequence_targets(scene, batch, place)
            places = None if scene.repeat is None else sequence_places(batch, place)
            asked, same = (scene.users, scene.vectors, target, weight), same_users(scene, batch)
            loss = catalogue_loss(*asked, repeat=scene.repeat, places=places, same=same)
            return loss if batch.share is None else loss * batch.share.weight
        candidates, shown, labels = candidates_of(scene, batch, place)
        loss = impression_click_loss(candidate_scores(scene, batch, candidates), None, labels, shown)
        return loss if batch.share is None else loss * batch.share.clicks

    def proceed(self, progress: float) -> None:
        """Called before each window.

        Args:
            progress: share of the schedule that is done, 0 to 1.
        """

    def judged(self, scorer: DotScorer, samples: Samples) -> dict[str, float]:
        """What it notes of a validation beside the model's nDCG@10; nothing here.

        Args:
            scorer: the model as it is now.
            samples: of validation.
        """
        return {}

    def recall(self, history: Sequence[Mapping[str, float]]) -> None:
        """Called with the records of all validations, before the first window and after each of them.

        What it keeps in mind is a function of these and of `proceed`'s progress, so that a killed run goes on alike.
        """

    def asked(self, batch: Batch, epoch: int, number: int) -> Batch:
        """The batch as it is trained on; a function of batch and place alone.

        Args:
            epoch: of the training. number: of the batch within it.
        """
        return batch if self.histories is None else self.histories.change(batch, epoch, number)

    def text_loss(self, rows: Tensor, vectors: Tensor) -> Tensor | None:
        """Loss of text vectors `[n, dim]` themselves, added where the text encoder is run with its graph."""
        return None

    def extra_texts(self, generator: torch.Generator) -> Tensor | None:
        """Texts that a window encodes for `text_loss` beside its own; drawn at random."""
        return None


def sequence_targets(scene: Scene, batch: SequenceBatch, place: Tensor) -> tuple[Tensor, Tensor]:
    """Targets (numbers within the window) and weights `[n_targets]` as tensors."""
    device = scene.vectors.device
    return place[torch.from_numpy(batch.target).to(device)], torch.from_numpy(batch.weight).to(device)


def same_users(scene: Scene, batch: SequenceBatch) -> Tensor:
    """Numbers `[n_targets]`, rising, that neighbours share which follow on the same clicks: those of one second."""
    other = (np.diff(batch.row, prepend=-1) != 0) | (np.diff(batch.position, prepend=-1) != 0)
    return torch.from_numpy(np.cumsum(other) - 1).to(scene.users.device)
