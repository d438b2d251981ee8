"""What a student and its teacher are trained on together: each on the clicks, the student on the teacher as it is then.

NewsBERT (Wu et al. 2021, arXiv 2102.04887, section 3): the teacher's loss is its cross-entropy of the clicks alone, the
student's is its own and the distance to the teacher's soft outputs and representations, which sends no gradient there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from distill_rec.distillation.objective import DistillationObjective
from distill_rec.losses import TeacherScores
from distill_rec.nn.recommender import Recommender
from distill_rec.nn.user_encoders import UserEncoder
from distill_rec.training.objective import Scene, make_scene, users_of


class JointObjective(DistillationObjective):
    """A student's losses against a teacher that learns, and the teacher's click loss, on the vectors of a `Pair`.

    The teacher is asked without dropout of clicks or offsets, as one whose knowledge is cached; only what its PLM drops
    itself is in its text vectors.

    Args:
        knowledge, loss, dim, more: see `DistillationObjective`; of the knowledge, which is the teacher's before, only
            dimensions and what it knows are read.
        teacher: the model, whose weights the `Pair` holds.
        click: weight of its click loss.
    """

    def __init__(self, *arguments: Any, teacher: Recommender, click: float, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.dim = teacher.text_encoder.dim
        # A plain attribute: the teacher is trained and saved with the pair.
        self.learner, self.click = [teacher], click

    def batch_loss(self, scene: Scene, place: Tensor) -> Tensor:
        own, taught = scene.vectors.split([scene.vectors.shape[1] - self.dim, self.dim], 1)
        teacher = self._asked(scene, taught.detach()) if self.asks_teacher else None
        loss = self.taught_loss(replace(scene, vectors=own.contiguous()), place, teacher)
        return loss + self.click * self._teacher_clicks(scene, taught, place)

    def _teacher_clicks(self, scene: Scene, taught: Tensor, place: Tensor) -> Tensor:
        """The teacher's own loss, offsets and clicks dropped as in any of its trainings."""
        (teacher,) = self.learner
        if teacher.offsets is not None:
            taught = taught - (teacher.offsets.whole(scene.items) - teacher.offsets(scene.items))
        return self._clicks(make_scene(teacher, scene.items, place, taught.contiguous(), scene.batch), place)

    @torch.no_grad()
    def _asked(self, scene: Scene, items: Tensor) -> TeacherScores:
        (teacher,) = self.learner
        clicked = functional.embedding(scene.history, items)
        with evaluating(teacher.user_encoder) as encoder:
            users = users_of(encoder, clicked, scene.mask, scene.batch)
        return TeacherScores(users, items.contiguous(), None if teacher.repeat_term is None else teacher.repeat_term())

    def text_loss(self, rows: Tensor, vectors: Tensor) -> Tensor | None:
        """Of the texts of the window: those outside are not run through the PLM."""
        if not self.item_losses:
            return None
        own, taught = vectors.split([vectors.shape[1] - self.dim, self.dim], 1)
        return self._of_items(own, taught.detach())

    def extra_texts(self, generator: torch.Generator) -> Tensor | None:
        return None


@contextlib.contextmanager
def evaluating(encoder: UserEncoder) -> Iterator[UserEncoder]:
    """A user encoder in evaluation mode while the block runs."""
    before = encoder.training
    encoder.eval()
    try:
        yield encoder
    finally:
        encoder.train(before)
