"""Distillation from scores that were made once: each batch finds its own by the samples' places in the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from distill_rec.data.ragged import Ragged
from distill_rec.data.scores import ListedScores
from distill_rec.losses import catalogue_loss
from distill_rec.losses.active import active_losses, of_rows, rescaled
from distill_rec.losses.listed import Listed
from distill_rec.losses.spec import SCORES
from distill_rec.recipe import LossSection
from distill_rec.sections.schedule import Ramp, values_at, with_values
from distill_rec.training import Objective
from distill_rec.training.batches import ImpressionBatch, SequenceBatch
from distill_rec.training.objective import Scene, candidates_of, sequence_targets
from distill_rec.training.repeats import candidate_buckets, numbers_at, sequence_places


class ListedObjective(Objective):
    """A recipe's losses of scores and clicks, against a teacher's stored scores of the training samples.

    A sample that has none is zero to losses of scores, and an item without a score is no candidate to them.

    Args:
        scores: of the training samples.
        loss: weights and settings of the losses.
        nested: see `Objective`.
        schedule: keys of `loss` that change.
    """

    def __init__(
        self,
        scores: ListedScores,
        loss: LossSection,
        nested: Sequence[tuple[int, float]] = (),
        schedule: Mapping[str, Ramp] | None = None,
    ) -> None:
        super().__init__(nested)
        self.scores, self.loss, self.schedule = scores, loss, schedule or {}
        self.losses = [one for one in active_losses(loss) if not one.spec.vectors]

    def proceed(self, progress: float) -> None:
        self.scheduled = values_at(self.schedule, progress)
        self.losses = rescaled(self.losses, with_values(self.loss, self.scheduled))

    def batch_loss(self, scene: Scene, place: Tensor) -> Tensor:
        return self.over_widths(scene, lambda one: self._score_loss(one, place))

    def _score_loss(self, scene: Scene, place: Tensor) -> Tensor:
        if isinstance(scene.batch, SequenceBatch):
            return self._sequence_loss(scene, scene.batch, place)
        return self._impression_loss(scene, scene.batch, place)

    def _sequence_loss(self, scene: Scene, batch: SequenceBatch, place: Tensor) -> Tensor:
        target, weight = sequence_targets(scene, batch, place)
        listed = self._listed(batch, place, scene.vectors)
        terms = [one.listed_term(listed) for one in self.losses]
        places = None if scene.repeat is None else sequence_places(batch, place)
        return catalogue_loss(scene.users, scene.vectors, target, weight, terms, repeat=scene.repeat, places=places)

    def _listed(self, batch: SequenceBatch, place: Tensor, like: Tensor) -> Listed:
        """The teacher's scores of each target's sample, items renumbered; those outside the window are left out."""
        assert batch.number is not None
        mine = self.scores.take(batch.number)
        items, mask = mine.items.padded()
        scores, _ = Ragged(mine.scores, mine.items.offsets).padded()
        if not items.shape[1]:  # none of the batch's samples has any
            items, mask, scores = (np.zeros((len(batch.number), 1), one.dtype) for one in (items, mask, scores))
        inside = place[torch.from_numpy(items.astype(np.int64)).to(place.device)]
        shown = torch.from_numpy(mask).to(place.device) & (inside >= 0)
        return Listed(
            inside.clamp_min(0),
            torch.from_numpy(scores).to(like),
            shown,
            torch.from_numpy(mine.rest).to(like),
        )

    def _impression_loss(self, scene: Scene, batch: ImpressionBatch, place: Tensor) -> Tensor:
        candidates, shown, labels = candidates_of(scene, batch, place)
        scores = (functional.embedding(candidates, scene.vectors) * scene.users[:, None]).sum(-1)
        if scene.repeat is not None:
            scores = scores + numbers_at(scene.repeat, candidate_buckets(batch, scores.device))
        taught, covered = self._shown(batch, scores)
        loss = scores.sum() * 0.0 if not self.losses else scores.new_zeros(())
        for one in self.losses:
            if SCORES in one.spec.needs:
                loss = loss + of_rows(one, scores, taught, labels, covered, covered.any(1))
            else:
                loss = loss + of_rows(one, scores, None, labels, shown, None)
        return loss

    def _shown(self, batch: ImpressionBatch, like: Tensor) -> tuple[Tensor, Tensor]:
        """The teacher's scores of the candidates, and which have one, `[batch, n_candidates]`."""
        assert batch.number is not None
        offsets = np.concatenate([[0], np.cumsum(batch.shown.sum(1))]).astype(np.int64)
        taught = np.full(batch.shown.shape, np.nan, np.float32)
        taught[batch.shown] = self.scores.at(batch.number, Ragged(batch.candidates[batch.shown], offsets))
        found = torch.from_numpy(taught).to(like)
        return found.nan_to_num(0.0), ~found.isnan()


class BothObjective(Objective):
    """Losses of vectors from one objective, those of scores and clicks from another."""

    def __init__(self, vectors: Objective, scores: ListedObjective) -> None:
        super().__init__()
        self.vectors, self.scores = vectors, scores

    def proceed(self, progress: float) -> None:
        for one in (self.vectors, self.scores):
            one.proceed(progress)
        self.scheduled = self.vectors.scheduled | self.scores.scheduled

    def batch_loss(self, scene: Scene, place: Tensor) -> Tensor:
        return self.vectors.batch_loss(scene, place) + self.scores.batch_loss(scene, place)

    def text_loss(self, rows: Tensor, vectors: Tensor) -> Tensor | None:
        return self.vectors.text_loss(rows, vectors)

    def extra_texts(self, generator: torch.Generator) -> Tensor | None:
        return self.vectors.extra_texts(generator)
