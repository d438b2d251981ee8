"""The distill stage: one student trained, from its teacher or on clicks alone, first stage included."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from distill_rec.data.dataset import Dataset
from distill_rec.distillation.first_stage import NAME, begin_from, require_first, train_first
from distill_rec.distillation.joint_objective import JointObjective
from distill_rec.distillation.joint_training import open_learner
from distill_rec.distillation.objective import DistillationObjective, objective_of
from distill_rec.distillation.training import StudentTraining, knowledge_for, start_of
from distill_rec.kinds import validated
from distill_rec.knowledge import Knowledge
from distill_rec.learner import FOLDER
from distill_rec.progress import Progress, Quiet
from distill_rec.ranks import ALONE, Ranks
from distill_rec.recipe import OptimizerSection, StudentSection
from distill_rec.student_build import write_student
from distill_rec.together import joint
from distill_rec.training import Objective
from distill_rec.training.checkpoint import load_trainable, under
from distill_rec.training.histories import click_histories
from distill_rec.training.outcome import note_before
from distill_rec.training.search import search


def distill(  # noqa: PLR0913
    section: StudentSection,
    knowledge_folder: Path | None,
    dataset: Dataset,
    folder: Path,
    *,
    trunk: str,
    clicks_only: bool = False,
    name: str = "student without distillation",
    progress: Progress | None = None,
) -> None:
    """Train a student into `folder`, or go on where a killed run stopped.

    A transition term is fitted to finished students, all of them at once: `fit_transition_terms`.

    Args:
        knowledge_folder: the teacher's knowledge; None trains the same student on clicks alone, from the public
            PLM (the undistilled column).
        trunk: PLM of tokens and initial weights.
        name: what progress calls one that learns from clicks alone.
        clicks_only: start from the knowledge and then learn from clicks alone (the initialised column).

    Raises:
        TrainingError: a loss that is not finite.
        RunError: the knowledge is of another catalogue, or of other data.
        RecipeError: a loss needs a signal that the teacher does not supply, or has no form for this data; one teacher
            is to be weighed; the dimensions differ, and there is to be no adapter.
    """
    progress = progress or Quiet()
    if (folder / "model.json").exists():
        return
    if knowledge_folder is not None and not clicks_only:
        section = section.as_taught()
    knowledge = knowledge_for(section, knowledge_folder, dataset, clicks_only)
    training = _training_of(section, dataset, trunk, knowledge, clicks_only, progress)
    first = None
    if section.first is not None and knowledge is not None and not clicks_only:
        require_first(section, knowledge, training)
        first = train_first(training, knowledge, folder / "first") / "best.safetensors"
    alone = knowledge is not None and not clicks_only and not _divides(knowledge, training)

    def train(optimizer: OptimizerSection, place: Path) -> None:
        def told() -> dict[str, Any]:
            return {
                "section": section.model_dump(mode="json"),
                "knowledge": None if knowledge_folder is None else str(knowledge_folder),
                "trunk": trunk,
                "clicks_only": clicks_only,
                "first": None if first is None else str(first),
                "optimizer": optimizer.model_dump(mode="json"),
                "folder": str(place),
            }

        if alone:
            _train(training, knowledge, clicks_only, name, first, optimizer, place, ALONE)
            return
        with joint(f"{__name__}:train_part", dataset.folder, told) as ranks:
            _train(training, knowledge, clicks_only, name, first, optimizer, place, ranks)

    search(section.optimizer, folder, train)
    if first is not None:
        note_before(folder, NAME, first.parent)
    built = training.built
    load_trainable(load_file(folder / "best.safetensors"), training.model)
    if training.learner is not None:
        training.learner.write(folder / FOLDER)
    built.finish(dataset)
    built.model.cpu()
    write_student(built, dataset, folder)
    for path in sorted(folder.glob("**/checkpoint-*")):
        path.unlink()


def _training_of(  # noqa: PLR0913
    section: StudentSection,
    dataset: Dataset,
    trunk: str,
    knowledge: Knowledge | None,
    clicks_only: bool,
    progress: Progress,
) -> StudentTraining:
    """A student's training, with the teacher that learns beside it where the section has it so."""
    learner = None
    if section.joint is not None and knowledge is not None and not clicks_only:
        learner = open_learner(section, knowledge.folder.parent, dataset, progress)
    return StudentTraining(section, dataset, trunk, start_of(section, knowledge, dataset), progress, learner)


def _divides(knowledge: Knowledge, training: StudentTraining) -> bool:
    """Whether a taught training has parts: scores that were made once, and losses of an item table, have none."""
    return knowledge.scores is None and training.built.own_vectors is None


def train_part(  # noqa: PLR0913
    section: dict[str, Any],
    data: str,
    knowledge: str | None,
    trunk: str,
    clicks_only: bool,
    first: str | None,
    optimizer: dict[str, Any],
    folder: str,
    ranks: Ranks,
) -> None:
    """What a further process does of a training: the same, with its own part of every batch."""
    own, prepared = validated("student", section), Dataset.load(data)
    known = knowledge_for(own, None if knowledge is None else Path(knowledge), prepared, clicks_only)
    training = _training_of(own, prepared, trunk, known, clicks_only, Quiet())
    tried = OptimizerSection.model_validate(optimizer)
    began = None if first is None else Path(first)
    _train(training, known, clicks_only, "student", began, tried, Path(folder), ranks)


def _train(  # noqa: PLR0913
    training: StudentTraining,
    knowledge: Knowledge | None,
    clicks_only: bool,
    name: str,
    first: Path | None,
    optimizer: OptimizerSection,
    place: Path,
    ranks: Ranks,
) -> None:
    """Train a student from its start into a folder, with one of the optimiser's tries.

    Args:
        first: weights of its first stage; None where it has none.
    """
    section, dataset = training.section, training.dataset
    training.begin()
    objective: Objective = Objective(section.widths, click_histories(section.histories, dataset, section.seed))
    called = name
    if knowledge is not None and clicks_only:
        called = "student from the teacher's start"
    elif knowledge is not None:
        called = "student"
        kind: Callable[..., DistillationObjective] = DistillationObjective
        if training.learner is not None and section.joint is not None:
            kind = partial(JointObjective, teacher=training.learner.model, click=section.joint.teacher_click)
        objective = objective_of(knowledge, section, dataset, training.device, training.built.own_vectors, kind)
        if first is not None:
            begin_from(first, training.built.model, objective)
        if section.begin:
            _adapt_as_before(objective, Path(section.begin) / "best.safetensors")
    training.run(objective, called, clicks_only, optimizer, place, ranks)


def _adapt_as_before(objective: Objective, best: Path) -> None:
    """Take over the weights that training alone needs, as adapters; those of another shape are learned anew."""
    earlier = under(load_file(best), "1") if best.exists() else {}
    with torch.no_grad():
        for name, own in objective.named_parameters():
            if name in earlier and earlier[name].shape == own.shape:
                own.copy_(earlier[name])
