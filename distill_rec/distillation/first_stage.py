"""A student's first stage: its text encoder learns the teacher's vectors of all items' texts, before any click.

The first of Tiny-NewsRec's two stages (Yu et al. 2022, arXiv 2112.00944, section 3). There its teacher is the
post-trained PLM before it has met a click; here the finished teacher, whose text vectors are knowledge already. A
student of layers may learn from those of the teacher's PLM too (`tokens`), as MiniLMv2's and TinyBERT's do from texts.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path
from typing import cast

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from distill_rec.distillation.tokens import TokenLosses, open_beside
from distill_rec.distillation.training import StudentTraining
from distill_rec.distillation.vectors import known_blocks, of_vectors
from distill_rec.files import fingerprint
from distill_rec.knowledge import Knowledge
from distill_rec.losses.active import active_losses
from distill_rec.losses.checks import used
from distill_rec.nn.adapter import adapt, make_adapter
from distill_rec.nn.experts import anneal
from distill_rec.nn.recommender import Recommender
from distill_rec.nn.user_encoders import make_user_encoder
from distill_rec.recipe import OptimizerSection, StudentSection
from distill_rec.runtime.errors import RecipeError
from distill_rec.student_build import held_out, taught_texts
from distill_rec.training import Objective, Training
from distill_rec.training.batches import ImpressionBatch
from distill_rec.training.checkpoint import load_trainable, trainable
from distill_rec.training.objective import Scene, candidates_of
from distill_rec.training.search import search
from distill_rec.training.task import Judged, Task, TextBatches, centred_cosine, own_found
from distill_rec.trunks.encoder import TrunkEncoder

NAME = "first stage"
LEAST = 20
"""Texts that the teacher knows."""
BY = "centred_cosine"
HANDED_ON = ("0.text_encoder.", "1.item_adapter.")
"""Weights, among those of a training, that the next stage begins from."""


class FirstObjective(Objective):
    """Losses of item vectors over the texts of a batch, and of token states over those of a window.

    Args:
        knowledge: of the teacher.
        section: of the student.
        tokens: losses of token states; none where not given.
    """

    def __init__(
        self, knowledge: Knowledge, section: StudentSection, device: torch.device, tokens: TokenLosses | None = None
    ) -> None:
        super().__init__()
        assert section.first is not None
        self.losses = [one for one in active_losses(section.first.loss) if one.spec.vectors]
        self.tokens = tokens
        self.taught = knowledge.tensor("text_vectors", device)
        parts = knowledge.user_settings.get("parts")
        self.dims = None if parts is None else [int(part["dim"]) for part in parts]
        self.item_adapter: nn.Module = make_adapter(section.adapter, section.dim, knowledge.dim, section.experts.count)
        self.experts = section.experts

    def proceed(self, progress: float) -> None:
        anneal(self.item_adapter, self.experts.temperature(progress))

    def batch_loss(self, scene: Scene, place: Tensor) -> Tensor:
        batch = scene.batch
        assert isinstance(batch, ImpressionBatch)
        numbers = candidates_of(scene, batch, place)[0][:, 0]
        taught = self.taught[scene.items[numbers]]
        known = None if self.dims is None else known_blocks(taught, self.dims)
        return of_vectors(self.losses, functional.embedding(numbers, scene.vectors), taught, self.item_adapter, known)

    def text_loss(self, rows: Tensor, vectors: Tensor) -> Tensor | None:
        return None if self.tokens is None else torch.stack([*self.tokens.of_texts(rows).values()]).sum()

    def judge(self, held_out: Tensor) -> Callable[[Recommender], Judged]:
        """By texts that neither the stage nor the start has learned from: see `centred_cosine`.

        Not by how well each text's vector is found among theirs, because a student made of the teacher's layers may
        find all of them from the beginning. Noted beside it are that (`ndcg@10`), their mean cosine (`cosine`) and
        losses of token states, by name, their weights left out.
        """
        taught = self.taught[held_out]

        @torch.no_grad()
        def judge(model: Recommender) -> Judged:
            self.item_adapter.eval()  # the choice among experts has no noise then
            vectors = adapt(self.item_adapter, model.text_encoder.encode(held_out), taught)
            self.item_adapter.train()
            cosine = functional.cosine_similarity(vectors, taught, dim=1).mean()
            of_tokens = {} if self.tokens is None else self.tokens.judged(held_out)
            noted = {"ndcg@10": float(own_found(vectors, taught).mean()), "cosine": float(cosine)}
            return Judged(centred_cosine(vectors, taught), noted | of_tokens)

        return judge


def require_first(section: StudentSection, knowledge: Knowledge, training: StudentTraining) -> None:
    """Refuse a first stage of what has no vectors of texts to learn, or could not be judged.

    Raises:
        RecipeError: naming the key.
    """
    assert section.first is not None
    key, do = "section student.first", "Leave the section out."
    training.require_texts("first")
    if not any(spec.vectors and spec.adapter for spec in used(section.first.loss)) and section.dim != knowledge.dim:
        found = f"relations alone, of {section.dim} dimensions with a teacher of {knowledge.dim}"
        raise RecipeError(key, found, "a loss that learns the teacher's own vectors too, as item_cosine = 1")
    if (count := len(taught_texts(training.dataset, knowledge))) < LEAST:
        raise RecipeError(key, f"{count} texts that the teacher knows", f"at least {LEAST}", do)


def train_first(training: StudentTraining, knowledge: Knowledge, folder: Path) -> Path:
    """Train a student's text encoder, or go on; the folder holds `history.json` and the weights that are handed on.

    Raises:
        TrainingError: a loss that is not finite.
        RecipeError, ModelError: see `open_beside`.
    """
    section, first = training.section, training.section.first
    assert first is not None
    if (folder / "history.json").exists():
        return folder
    encoder = training.built.model.text_encoder
    trunk = open_beside(section, knowledge, training.dataset, encoder)
    texts = taught_texts(training.dataset, knowledge)
    out = held_out(section, len(texts))

    def train(optimizer: OptimizerSection, place: Path) -> None:
        training.begin()
        tokens = None if trunk is None else TokenLosses(first, cast(TrunkEncoder, encoder), trunk)
        objective = FirstObjective(knowledge, section, training.device, tokens).to(training.device)
        batches = TextBatches(texts[None, ~out, None], optimizer.batch_size, section.seed)
        judge = objective.judge(torch.from_numpy(texts[out]).to(training.device))
        mark = fingerprint(training.dataset.fingerprint, texts.tolist(), out.tolist(), first.loss.model_dump(), BY)
        own = Training(
            _of_texts(training),
            objective,
            training.dataset,
            optimizer,
            place,
            seed=section.seed,
            name=f"student, {NAME}",
            settings=training.decides(clicks_only=False),
            progress=training.progress,
            task=Task(batches, judge, mark, by=BY),
        )
        with nullcontext() if tokens is None else closing(tokens):
            own.run()

    search(first.optimizer, folder, train)
    return folder


def begin_from(weights: Path, model: Recommender, objective: Objective) -> None:
    """Give a student and its objective what a first stage learned: text encoder, and the adapter where there is one."""
    learned = {name: one for name, one in load_file(weights).items() if name.startswith(HANDED_ON)}
    own = trainable(model, objective)
    load_trainable({**own, **{name: one for name, one in learned.items() if name in own}}, model, objective)


def _of_texts(training: StudentTraining) -> Recommender:
    """The student's text encoder as a model of its own: texts are its items, without offsets."""
    encoder = training.built.model.text_encoder
    users = make_user_encoder("mean", encoder.dim, max_history=1)
    return Recommender(encoder, users, torch.arange(encoder.n_texts), None).to(training.device)
