"""The distill stage: scores, representations and clicks together, L = a L_score + b L_repr + c L_click."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from distill_rec.contracts import student_spec
from distill_rec.data.dataset import Dataset
from distill_rec.device import choose_device
from distill_rec.handover import require_same
from distill_rec.knowledge import Knowledge
from distill_rec.losses import TeacherScores, catalogue_loss, cosine_loss, impression_click_loss, kl_loss, mse_loss
from distill_rec.nn.settings import training_texts
from distill_rec.progress import Progress, Quiet
from distill_rec.recipe import LossSection, OptimizerSection, StudentSection
from distill_rec.student_build import write_student
from distill_rec.training import Objective, Training
from distill_rec.training.batches import ImpressionBatch, SequenceBatch
from distill_rec.training.checkpoint import load_trainable, trainable
from distill_rec.training.objective import Scene, candidates_of, gather_users, sequence_targets
from distill_rec.training.search import search

EXTRA_TEXTS = 1024


class DistillationObjective(Objective):
    """The click loss beside a teacher's signals.

    Args:
        knowledge: the teacher's cached item and text vectors and user encoder.
        loss: weights and temperature.
        dim: the student's dimensions; where they differ from the teacher's, linear adapters on the student's side
            are learned with it (a map on the teacher's side would admit the zero solution).
        texts: indices of texts whose vectors are knowledge even where nobody clicked them; never new items'.
    """

    def __init__(self, knowledge: Knowledge, loss: LossSection, dim: int, texts: Tensor, device: torch.device) -> None:
        super().__init__()
        self.loss = loss
        self.items = knowledge.tensor("item_vectors", device)
        self.text_vectors = knowledge.tensor("text_vectors", device)
        # A plain attribute, so that the teacher is neither trained nor saved with the student.
        self.teacher_users = [knowledge.user_encoder.to(device)]
        self.texts = texts.to(device)
        self.knows, self.knows_texts = (
            None if known is None else torch.from_numpy(np.array(known)).to(device)
            for known in (knowledge.knows, knowledge.knows_texts)
        )
        if self.knows_texts is not None:
            self.texts = self.texts[self.knows_texts[self.texts]]
        same = knowledge.dim == dim
        self.item_adapter: nn.Module = nn.Identity() if same else nn.Linear(dim, knowledge.dim)
        self.user_adapter: nn.Module = nn.Identity() if same else nn.Linear(dim, knowledge.dim)

    def batch_loss(self, scene: Scene, place: Tensor) -> Tensor:
        batch = scene.batch
        teacher_items = functional.embedding(scene.items, self.items)
        if isinstance(batch, SequenceBatch):
            return self._sequence_loss(scene, batch, place, teacher_items)
        return self._impression_loss(scene, batch, place, teacher_items)

    def _sequence_loss(self, scene: Scene, batch: SequenceBatch, place: Tensor, teacher_items: Tensor) -> Tensor:
        target, weight = sequence_targets(scene, batch, place)
        with torch.no_grad():
            clicked = functional.embedding(scene.history, teacher_items)
            users = gather_users(self.teacher_users[0].all_positions(clicked, scene.mask), batch)
        teacher = None
        if self.loss.kl > 0:
            teacher = TeacherScores(users, teacher_items, self.loss.kl, self.loss.temperature)
        loss = catalogue_loss(scene.users, scene.vectors, target, weight, self.loss.click, teacher)
        return loss + self._user_loss(scene.users, users)

    def _impression_loss(self, scene: Scene, batch: ImpressionBatch, place: Tensor, teacher_items: Tensor) -> Tensor:
        candidates, shown, labels = candidates_of(scene, batch, place)
        scores = (functional.embedding(candidates, scene.vectors) * scene.users[:, None]).sum(-1)
        with torch.no_grad():
            clicked = functional.embedding(scene.history, teacher_items)
            users = self.teacher_users[0](clicked, scene.mask)
            teacher = (functional.embedding(candidates, teacher_items) * users[:, None]).sum(-1)
        loss = self.loss.click * impression_click_loss(scores, labels, shown)
        taught = shown if self.knows is None else shown & self.knows[scene.items][candidates]
        loss = loss + self.loss.kl * kl_loss(scores, teacher, taught, self.loss.temperature)
        return loss + self._user_loss(scene.users, users)

    def _user_loss(self, student: Tensor, teacher: Tensor) -> Tensor:
        loss = student.new_zeros(())
        if self.loss.user_cosine > 0:
            loss = loss + self.loss.user_cosine * cosine_loss(self.user_adapter(student), teacher)
        if self.loss.user_mse > 0:
            loss = loss + self.loss.user_mse * mse_loss(self.user_adapter(student), teacher)
        return loss

    def text_loss(self, rows: Tensor, vectors: Tensor) -> Tensor | None:
        if self.loss.item_cosine == 0 and self.loss.item_mse == 0:
            return None
        if self.knows_texts is not None:
            kept = self.knows_texts[rows]
            rows, vectors = rows[kept], vectors[kept]
            if not len(rows):
                return None
        teacher, student = self.text_vectors[rows], self.item_adapter(vectors)
        loss = vectors.new_zeros(())
        if self.loss.item_cosine > 0:
            loss = loss + self.loss.item_cosine * cosine_loss(student, teacher)
        if self.loss.item_mse > 0:
            loss = loss + self.loss.item_mse * mse_loss(student, teacher)
        return loss

    def extra_texts(self, generator: torch.Generator) -> Tensor | None:
        drawn = torch.randint(len(self.texts), (min(EXTRA_TEXTS, len(self.texts)),), generator=generator)
        return self.texts[torch.unique(drawn).to(self.texts.device)]


def distill(  # noqa: PLR0913
    section: StudentSection,
    knowledge_folder: Path | None,
    dataset: Dataset,
    folder: Path,
    *,
    trunk: str,
    clicks_only: bool = False,
    progress: Progress | None = None,
) -> None:
    """Train a student into `folder`, or go on where a killed run stopped.

    Args:
        knowledge_folder: the teacher's knowledge; None trains the same student on clicks alone, from the public
            PLM (the undistilled column).
        trunk: PLM of tokens and initial weights.
        clicks_only: start from the knowledge and then learn from clicks alone (the initialised column).

    Raises:
        TrainingError: a loss that is not finite.
        RunError: the knowledge is of another catalogue, or of other data.
    """
    progress = progress or Quiet()
    if (folder / "model.json").exists():
        return
    device = choose_device(section.device)
    knowledge = None if knowledge_folder is None else Knowledge.load(knowledge_folder)
    if knowledge is not None:
        require_same(knowledge.folder, "the teacher's knowledge", knowledge.marks, dataset)
    build = student_spec(section.kind).build.get()
    built = build(section, section.trunk or trunk, dataset, knowledge, progress)
    built.model.to(device)
    start = {name: tensor.detach().clone() for name, tensor in trainable(built.model).items()}

    def train(optimizer: OptimizerSection, place: Path) -> None:
        load_trainable(start, built.model)
        torch.manual_seed(section.seed)
        objective, name = Objective(), "student without distillation"
        if knowledge is not None and clicks_only:
            name = "student from the teacher's start"
        elif knowledge is not None:
            name = "student"
            objective = DistillationObjective(knowledge, section.loss, section.dim, training_texts(dataset), device)
        training = Training(
            built.model,
            objective.to(device),
            dataset,
            optimizer,
            place,
            seed=section.seed,
            name=name,
            offset_decay=section.offset_decay,
            settings=[
                section.model_dump(exclude={"optimizer", "undistilled", "initialised"}),
                clicks_only,
                built.config["trunk"],
            ],
            progress=progress,
        )
        training.run()

    search(section.optimizer, folder, train)
    load_trainable(load_file(folder / "best.safetensors"), built.model)
    built.finish(dataset)
    built.model.cpu()
    write_student(built, folder)
    for path in sorted(folder.glob("**/checkpoint-*")):
        path.unlink()
