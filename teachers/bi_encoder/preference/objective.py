"""What preference tuning trains on: impressions, and the teacher's scores before it."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from distill_rec.data.dataset import Dataset, Impressions
from distill_rec.losses.dpo import dpo_loss, draw_rejected
from distill_rec.losses.plackett_luce import first_choice_kl, normalised_gains, ranking_loss, sampled_rankings
from distill_rec.losses.s_dpo import s_dpo_loss
from distill_rec.nn.recommender import Recommender
from distill_rec.runtime.errors import RecipeError
from distill_rec.training import Objective
from distill_rec.training.batches import Batch, ImpressionBatch
from distill_rec.training.objective import Scene, candidate_scores, candidates_of
from distill_rec.training.repeats import candidate_buckets, numbers_at
from teachers.bi_encoder.preference.section import PreferenceSection

PAIRS = {"dpo": dpo_loss, "s-dpo": s_dpo_loss}


def require_preferences(section: PreferenceSection, dataset: Dataset) -> None:
    """Refuse data without what the method reads.

    Raises:
        RecipeError: a log of clicks, or ratings that the prepared data do not have.
    """
    if not isinstance(dataset.train, Impressions):
        do = 'Set data.read_as = "impressions" where the log has ratings, or leave teacher.preference out.'
        raise RecipeError("teacher.preference", "a log of clicks, where nothing is known to be declined",
                          "impressions: candidates with and without a click", do)  # fmt: skip
    if section.reward == "ratings" and dataset.train.grades is None:
        do = "Name data.rating_column with data.read_as = 'impressions', and prepare again with --restart prepare."
        raise RecipeError("teacher.preference.reward", "'ratings', of which the prepared data have none",
                          "data whose impressions were rated, or 'clicks'", do)  # fmt: skip


class Reference:
    """A model as it is now, frozen: its item vectors cached, its user encoder copied.

    Args:
        model: read in evaluation mode.
    """

    def __init__(self, model: Recommender) -> None:
        model.eval()
        self.items = model.item_vectors()
        self.user_encoder = deepcopy(model.user_encoder).requires_grad_(False).eval()
        self.repeat = None if model.repeat_term is None else model.repeat_term().detach().clone()

    @torch.no_grad()
    def scores(self, scene: Scene, batch: ImpressionBatch, candidates: Tensor) -> Tensor:
        """Of a batch's candidates (numbers within the window), `[batch, n_candidates]`."""
        items = functional.embedding(scene.items, self.items)
        users = self.user_encoder(functional.embedding(scene.history, items), scene.mask)
        scores: Tensor = (functional.embedding(candidates, items) * users[:, None]).sum(-1)
        if self.repeat is not None:
            scores = scores + numbers_at(self.repeat, candidate_buckets(batch, scores.device))
        return scores


class PreferenceObjective(Objective):
    """One of the methods, over impressions.

    Args:
        model: the trained teacher, whose weights are the reference.
        seed: of what is drawn for each batch: rejected candidates, rankings.
    """

    def __init__(self, section: PreferenceSection, model: Recommender, seed: int) -> None:
        super().__init__()
        self.section, self.seed = section, seed
        # Not a module of this one's own, so that it is neither trained nor saved.
        self.reference = [Reference(model)]

    def asked(self, batch: Batch, epoch: int, number: int) -> Batch:
        assert isinstance(batch, ImpressionBatch)
        return replace(batch, draw=(epoch, number))

    def batch_loss(self, scene: Scene, place: Tensor) -> Tensor:
        batch = scene.batch
        assert isinstance(batch, ImpressionBatch) and batch.draw is not None
        candidates, shown, labels = candidates_of(scene, batch, place)
        scores = candidate_scores(scene, batch, candidates)
        reference = self.reference[0].scores(scene, batch, candidates)
        generator = np.random.default_rng([self.seed, *batch.draw])
        if self.section.method == "policy-gradient":
            return self._rewarded(batch, scores, reference, shown, generator)
        drawn = draw_rejected(batch.labels, batch.shown, self.section.negatives, generator)
        rejected = torch.from_numpy(drawn).to(scores.device)
        return PAIRS[self.section.method](scores, reference, labels, rejected, self.section.beta)

    def _rewarded(
        self,
        batch: ImpressionBatch,
        scores: Tensor,
        reference: Tensor,
        shown: Tensor,
        generator: np.random.Generator,
    ) -> Tensor:
        section = self.section
        rewards = batch.grades if section.reward == "ratings" else batch.labels
        assert rewards is not None
        noise = generator.gumbel(size=(len(scores), section.rankings, scores.shape[1]))
        gains = normalised_gains(torch.from_numpy(rewards).to(scores), shown, section.top)
        order = sampled_rankings(scores.detach(), shown, torch.from_numpy(noise).to(scores))
        loss = ranking_loss(scores, gains, shown, order, section.top)
        return loss + section.beta * first_choice_kl(scores, reference, shown)


def preference_objective(section: PreferenceSection, model: Recommender, seed: int) -> Objective:
    """The method's objective; for `supervised` the click loss that the teacher was trained by."""
    return Objective() if section.method == "supervised" else PreferenceObjective(section, model, seed)
