"""What a student is trained on: scores, representations and clicks together, L = a L_score + b L_repr + c L_click."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from distill_rec.data.dataset import Dataset
from distill_rec.data.popularity import popularity_shares
from distill_rec.distillation.cross_fitting import CrossFitting
from distill_rec.distillation.in_order import InOrder
from distill_rec.distillation.listed import BothObjective, ListedObjective
from distill_rec.distillation.mixing import Mixing
from distill_rec.distillation.vectors import known_blocks, of_vectors
from distill_rec.evaluation.protocol import Samples
from distill_rec.evaluation.scorer import DotScorer
from distill_rec.knowledge import Knowledge
from distill_rec.losses import TeacherScores, catalogue_loss
from distill_rec.losses.active import Active, active_losses, of_rows, rescaled
from distill_rec.losses.spec import CLICKS, ITEM_VECTORS, SCORES, USER_VECTORS
from distill_rec.nn.adapter import Kind as AdapterKind
from distill_rec.nn.adapter import make_adapter
from distill_rec.nn.experts import anneal
from distill_rec.nn.from_recipe import training_texts
from distill_rec.nn.side_by_side import SideBySide
from distill_rec.recipe import LossSection, StudentSection
from distill_rec.runtime.errors import RecipeError
from distill_rec.sections.experts import ExpertsSection
from distill_rec.sections.schedule import Ramp, values_at, with_values
from distill_rec.training import Objective
from distill_rec.training.batches import Batch, ImpressionBatch, SequenceBatch, Share
from distill_rec.training.histories import Histories
from distill_rec.training.objective import Scene, candidates_of, same_users, sequence_targets, users_of
from distill_rec.training.repeats import candidate_buckets, numbers_at, sequence_places

EXTRA_TEXTS = 1024


class DistillationObjective(Objective):
    """A recipe's losses over a teacher's signals and the clicks.

    Args:
        knowledge: the teacher's cached item and text vectors and user encoder.
        loss: weights and settings of the losses.
        dim: the student's dimensions.
        texts: indices of texts whose vectors are knowledge even where nobody clicked them; never new items'.
        histories: changes those that teacher and student are asked for; the data's own where not given.
        mixing: weighs several teachers by sample; they are summed where not given.
        cross_fitting: has those teach about a user that did not learn from them; all of them where not given.
        nested: see `Objective`.
        adapter: map of the student's vectors to the teacher's space that is learned with it (one on the teacher's side
            would admit the zero solution).
        own_vectors: bool `[n_items]`, items whose own vectors losses of item vectors set against the teacher's, batch
            by batch; where not given they are of texts, where these are encoded.
        popularity: see `data.popularity`, `[n_items]`; all alike where not given.
        schedule: keys of `loss` that change; a loss is read where it has a weight in `loss`, so these are there at
            their largest.
        experts: of the adapter of that kind.
        order: has earlier states of the teacher teach first; the teacher alone where not given.
    """

    def __init__(  # noqa: PLR0913
        self,
        knowledge: Knowledge,
        loss: LossSection,
        dim: int,
        texts: Tensor,
        device: torch.device,
        histories: Histories | None = None,
        mixing: Mixing | None = None,
        nested: Sequence[tuple[int, float]] = (),
        adapter: AdapterKind = "auto",
        own_vectors: NDArray[np.bool_] | None = None,
        cross_fitting: CrossFitting | None = None,
        schedule: Mapping[str, Ramp] | None = None,
        popularity: NDArray[np.float32] | None = None,
        experts: ExpertsSection | None = None,
        order: InOrder | None = None,
    ) -> None:
        super().__init__(nested, histories)
        self.mixing, self.cross_fitting = mixing, cross_fitting
        self.loss, self.schedule = loss, schedule or {}
        losses = active_losses(loss)
        self.score_losses = [one for one in losses if not one.spec.vectors]
        self.item_losses = [one for one in losses if one.spec.vectors and ITEM_VECTORS in one.spec.needs]
        self.user_losses = [one for one in losses if one.spec.vectors and USER_VECTORS in one.spec.needs]
        self.asks_teacher = any({SCORES, USER_VECTORS} & one.spec.needs for one in losses)
        self.order, self._taught_by = order, order.earlier if order is not None else 0
        self._learn_from(knowledge, device)
        self.texts = texts.to(device)
        self.popularity = torch.zeros(len(self.items), device=device)
        if popularity is not None:
            self.popularity = torch.from_numpy(popularity).to(device)
        self.own_vectors = None if own_vectors is None else torch.from_numpy(own_vectors.copy()).to(device)
        self.knows, self.knows_texts = (
            None if known is None else torch.from_numpy(np.array(known)).to(device)
            for known in (knowledge.knows, knowledge.knows_texts)
        )
        if self.knows_texts is not None:
            self.texts = self.texts[self.knows_texts[self.texts]]
        # Of several teachers, one may not know a text that others do.
        self.dims = knowledge.user_encoder.dims if isinstance(knowledge.user_encoder, SideBySide) else None
        self.experts = experts or ExpertsSection()
        self.item_adapter, self.user_adapter = (
            make_adapter(adapter, dim, knowledge.dim, self.experts.count) for _ in range(2)
        )

    def _learn_from(self, knowledge: Knowledge, device: torch.device) -> None:
        """Be taught by a teacher, or by another of its states, which knows the same items and texts."""
        self.items = knowledge.tensor("item_vectors", device)
        self.text_vectors = knowledge.tensor("text_vectors", device)
        # A plain attribute, so that the teacher is neither trained nor saved with the student.
        self.teacher_users = [knowledge.user_encoder.to(device)]
        self.repeat = None if knowledge.repeat is None else torch.from_numpy(knowledge.repeat).to(device)

    def judged(self, scorer: DotScorer, samples: Samples) -> dict[str, float]:
        return {} if self.order is None else self.order.judged(scorer, samples)

    def recall(self, history: Sequence[Mapping[str, float]]) -> None:
        if self.order is not None:
            self.order.recall(history)

    def proceed(self, progress: float) -> None:
        if self.order is not None and (state := self.order.proceed(progress)) != self._taught_by:
            self._taught_by = state
            self._learn_from(self.order.state(state), self.items.device)
        anneal(self, self.experts.temperature(progress))
        self.scheduled = values_at(self.schedule, progress)
        now = with_values(self.loss, self.scheduled)
        self.score_losses, self.item_losses, self.user_losses = (
            rescaled(found, now) for found in (self.score_losses, self.item_losses, self.user_losses)
        )

    def batch_loss(self, scene: Scene, place: Tensor) -> Tensor:
        return self.taught_loss(scene, place, self._teacher(scene, place) if self.asks_teacher else None)

    def taught_loss(self, scene: Scene, place: Tensor, teacher: TeacherScores | None) -> Tensor:
        """The losses of a batch, for what the teacher says of it."""
        loss = self.over_widths(scene, lambda one: self._score_loss(one, place, teacher))
        if self.own_vectors is not None and self.item_losses:
            loss = loss + self._item_loss(scene, self.own_vectors)
        if teacher is None:
            return loss
        of_users = of_vectors(self.user_losses, scene.users, teacher.users, self.user_adapter)
        share = scene.batch.share
        return loss + (of_users if share is None else of_users * share.rows)

    def _score_loss(self, scene: Scene, place: Tensor, teacher: TeacherScores | None) -> Tensor:
        if isinstance(scene.batch, SequenceBatch):
            return self._sequence_loss(scene, scene.batch, place, teacher)
        return self._impression_loss(scene, scene.batch, place, teacher)

    @torch.no_grad()
    def _teacher(self, scene: Scene, place: Tensor) -> TeacherScores:
        """The teacher's vectors of the window's items and of the batch's users."""
        items = functional.embedding(scene.items, self.items)
        clicked = functional.embedding(scene.history, items)
        users = users_of(self.teacher_users[0], clicked, scene.mask, scene.batch)
        if self.mixing is not None:
            users = self._mixed(self.mixing, users, items, scene, place)
        if self.cross_fitting is not None:
            assert scene.batch.number is not None
            users = self.cross_fitting.of(users, scene.batch.number)
        return TeacherScores(users, items, self.repeat)

    def _mixed(self, mixing: Mixing, users: Tensor, items: Tensor, scene: Scene, place: Tensor) -> Tensor:
        """The teachers' user vectors, weighed by sample where the click is known to follow on the history."""
        batch = scene.batch
        real = None if batch.changed is None else torch.from_numpy(~batch.changed).to(users.device)
        if isinstance(batch, SequenceBatch):
            target, _ = sequence_targets(scene, batch, place)
            return mixing.of_targets(users, items, target, real, (scene.users, scene.vectors))
        candidates, shown, labels = candidates_of(scene, batch, place)
        student = (functional.embedding(candidates, scene.vectors) * scene.users[:, None]).sum(-1)
        return mixing.of_candidates(users, functional.embedding(candidates, items), labels, shown, real, student)

    def _sequence_loss(
        self, scene: Scene, batch: SequenceBatch, place: Tensor, teacher: TeacherScores | None
    ) -> Tensor:
        target, weight = sequence_targets(scene, batch, place)
        terms = [one.term(self.popularity[scene.items]) for one in self.score_losses]
        places = sequence_places(batch, place) if _repeats(scene, teacher) else None
        counted = self._counted(batch, target.device)
        same = same_users(scene, batch) if self.mixing is None else None  # else the teacher differs by target
        loss = catalogue_loss(
            scene.users, scene.vectors, target, weight, terms, teacher, scene.repeat, places, counted, same
        )
        return loss if batch.share is None else loss * batch.share.weight

    def _item_loss(self, scene: Scene, own: Tensor) -> Tensor:
        """Losses of vectors of the window's items, offsets included on both sides."""
        rows = own[scene.items] if self.knows is None else own[scene.items] & self.knows[scene.items]
        places = rows.nonzero()[:, 0]
        if not len(places):
            return scene.vectors.new_zeros(())
        return self._of_items(functional.embedding(places, scene.vectors), self.items[scene.items[places]])

    def _counted(self, batch: Batch, device: torch.device) -> Tensor | None:
        """Targets (or rows) that losses of clicks learn from; None where they learn from all."""
        if batch.changed is None or self.histories is None or self.histories.section.with_clicks:
            return None
        return torch.from_numpy(~batch.changed).to(device)

    def _impression_loss(
        self, scene: Scene, batch: ImpressionBatch, place: Tensor, teacher: TeacherScores | None
    ) -> Tensor:
        candidates, shown, labels = candidates_of(scene, batch, place)
        scores = (functional.embedding(candidates, scene.vectors) * scene.users[:, None]).sum(-1)
        taught, covered = None, shown
        buckets = candidate_buckets(batch, scores.device) if _repeats(scene, teacher) else None
        if scene.repeat is not None and buckets is not None:
            scores = scores + numbers_at(scene.repeat, buckets)
        if teacher is not None:
            taught = (functional.embedding(candidates, teacher.items) * teacher.users[:, None]).sum(-1)
            if teacher.repeat is not None and buckets is not None:
                taught = taught + numbers_at(teacher.repeat, buckets)
            covered = shown if self.knows is None else shown & self.knows[scene.items][candidates]
        # Times zero, so that there is a graph where no loss reads the scores.
        loss = scores.sum() * 0.0 if not self.score_losses else scores.new_zeros(())
        counted = self._counted(batch, scores.device)
        for one in self.score_losses:
            mask = covered if SCORES in one.spec.needs else shown
            of = counted if CLICKS in one.spec.needs else None
            value = of_rows(one, scores, taught, labels, mask, of, self.popularity[scene.items][candidates])
            loss = loss + (value if batch.share is None else value * _share_of(one, batch.share, of is not None))
        return loss

    def text_loss(self, rows: Tensor, vectors: Tensor) -> Tensor | None:
        if not self.item_losses or self.own_vectors is not None:
            return None
        if self.knows_texts is not None:
            kept = self.knows_texts[rows]
            rows, vectors = rows[kept], vectors[kept]
            if not len(rows):
                return None
        return self._of_items(vectors, self.text_vectors[rows])

    def _of_items(self, vectors: Tensor, taught: Tensor) -> Tensor:
        known = None if self.dims is None else known_blocks(taught, self.dims)
        return of_vectors(self.item_losses, vectors, taught, self.item_adapter, known)

    def extra_texts(self, generator: torch.Generator) -> Tensor | None:
        if self.own_vectors is not None:
            return None
        drawn = torch.randint(len(self.texts), (min(EXTRA_TEXTS, len(self.texts)),), generator=generator)
        return self.texts[torch.unique(drawn).to(self.texts.device)]


def _share_of(loss: Active, share: Share, real: bool) -> float:
    """What a loss of a part of a batch of impressions is multiplied by.

    Args:
        real: it learns from rows alone that are not changed.
    """
    if not loss.spec.impressions or loss.spec.parts != "clicks":
        return share.rows
    return share.real_clicks if real else share.clicks


def _repeats(scene: Scene, teacher: TeacherScores | None) -> bool:
    """Whether either side has a repeat term."""
    return scene.repeat is not None or (teacher is not None and teacher.repeat is not None)


def objective_of(
    knowledge: Knowledge,
    section: StudentSection,
    dataset: Dataset,
    device: torch.device,
    own_vectors: NDArray[np.bool_] | None = None,
    kind: Callable[..., DistillationObjective] = DistillationObjective,
) -> Objective:
    """What a student learns from a teacher's knowledge: from scores that were made once where it has some.

    Args:
        own_vectors: see `DistillationObjective`.
        kind: what is made of a teacher with vectors, with the arguments of that one.
    """
    loss, scores = section.largest_loss, knowledge.scores
    by_kind = {True: {}, False: {}} if scores is None else _apart(loss)
    if scores is not None and not {ITEM_VECTORS, USER_VECTORS} & knowledge.supplies:
        return ListedObjective(scores["train"], loss, section.widths, section.schedule)
    vectors = kind(
        knowledge,
        loss.model_copy(update=by_kind[False]),
        section.dim,
        training_texts(dataset),
        device,
        Histories(section.histories, dataset, section.seed) if section.histories.changes else None,
        _mixing(section, knowledge),
        section.widths if scores is None else (),
        section.adapter,
        own_vectors,
        _cross_fitting(section, knowledge, dataset),
        section.schedule,
        popularity_shares(dataset.train_clicks),
        section.experts,
        None if section.order is None else InOrder(section.order, knowledge),
    )
    if scores is None:
        return vectors
    of_scores = loss.model_copy(update=by_kind[True])
    listed = ListedObjective(scores["train"], of_scores, section.widths, section.schedule)
    return BothObjective(vectors, listed)


def _apart(loss: LossSection) -> dict[bool, dict[str, float]]:
    """Weights of zero that leave the losses of scores and clicks (True) or those of vectors (False)."""
    of_vectors = {one.spec.name: bool(one.spec.vectors) for one in active_losses(loss)}
    return {left: {name: 0.0 for name, own in of_vectors.items() if own == left} for left in (True, False)}


def _cross_fitting(section: StudentSection, knowledge: Knowledge, dataset: Dataset) -> CrossFitting | None:
    """
    Raises:
        RecipeError: the teachers are weighed by sample for two reasons.
    """
    if not knowledge.folds:
        return None
    if section.mix != "sum":
        found = f"{section.mix!r}, where a teacher that learned without some users is asked about these alone"
        raise RecipeError("key student.mix", found, "sum, or teachers without fold")
    encoder = knowledge.user_encoder
    assert isinstance(encoder, SideBySide)
    return CrossFitting(knowledge.folds, encoder.weights, encoder.dims, dataset)


def _mixing(section: StudentSection, knowledge: Knowledge) -> Mixing | None:
    """
    Raises:
        RecipeError: there is one teacher alone.
    """
    if section.mix == "sum":
        return None
    if not isinstance(knowledge.user_encoder, SideBySide):
        raise RecipeError("key student.mix", f"{section.mix!r} of one teacher", "sum, or several teachers")
    return Mixing(section.mix, section.mix_temperature, knowledge.user_encoder)
