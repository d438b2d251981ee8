"""A student, built, and trained from its start with each of its optimiser's tries; and what it may start from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel

from distill_rec.begin import Earlier
from distill_rec.contracts import student_spec
from distill_rec.data.dataset import Dataset
from distill_rec.device import choose_device
from distill_rec.handover import require_same
from distill_rec.knowledge import Knowledge
from distill_rec.learner import Learner
from distill_rec.losses.checks import KEY, refuse_kind, refuse_listed, refuse_parts, refuse_signals, used
from distill_rec.merging import merged
from distill_rec.nn.pair import Pair
from distill_rec.progress import Progress
from distill_rec.ranks import Ranks, count_launched
from distill_rec.recipe import MERGED, OptimizerSection, StudentSection, decisive
from distill_rec.runtime.errors import RecipeError
from distill_rec.training import Objective, Training
from distill_rec.training.checkpoint import load_trainable, trainable

UNTRAINED: dict[str, Any] = {
    **dict.fromkeys(("optimizer", "undistilled", "initialised", "taught", "new_texts", "new_level"), True),
    "first": {"optimizer": True},
}
"""Keys of a student that a checkpoint of it does not belong to; what `taught` says stands in the keys that it names."""

FIRST = "student.first.loss"


class StudentTraining:
    """A student that can be trained again and again.

    Args:
        trunk: PLM of tokens and initial weights, where the section names none.
        start: what the teacher knows, for the first weights; see `StudentSection.start`.
        learner: a teacher that is trained with it; none where not given.

    Attributes:
        model: what is trained: the student, or the pair of both.
    """

    def __init__(  # noqa: PLR0913
        self,
        section: StudentSection,
        dataset: Dataset,
        trunk: str,
        start: Knowledge | None,
        progress: Progress,
        learner: Learner | None = None,
    ) -> None:
        self.section, self.dataset, self.progress = section, dataset, progress
        self.device = choose_device(section.device)
        build = student_spec(section.kind).build.get()
        self.built = build(section, section.trunk or trunk, dataset, start, progress)
        if section.begin:
            self.built.begin_as(Earlier.load(section.begin), dataset)
        self.learner, self.model = learner, self.built.model.to(self.device)
        if learner is not None:
            self.require_texts("joint")
            self.model = Pair(self.built.model, learner.model)
        self.start = {name: tensor.detach().clone() for name, tensor in trainable(self.model).items()}

    def require_texts(self, section: str) -> None:
        """Refuse a section of the student's that trains on vectors of texts.

        Raises:
            RecipeError: its items are a table.
        """
        if self.built.own_vectors is not None:
            found = f"a student of kind {self.section.kind!r}, whose items are a table and read no text while it trains"
            key, do = f"section student.{section}", "Leave the section out."
            raise RecipeError(key, found, "a student that reads texts", do)

    def begin(self) -> None:
        """Go back to the start; whatever is drawn after it, as an objective's own weights, is drawn alike."""
        load_trainable(self.start, self.model)
        torch.manual_seed(self.section.seed)

    def decides(self, clicks_only: bool) -> list[object]:
        """What a checkpoint of it belongs to, beside its optimizer and the data."""
        return [decisive(self.section, UNTRAINED), clicks_only, self.built.config["trunk"]]

    def run(  # noqa: PLR0913
        self,
        objective: Objective,
        name: str,
        clicks_only: bool,
        optimizer: OptimizerSection,
        folder: Path,
        ranks: Ranks,
    ) -> None:
        """Train from `begin` on, into a folder."""
        training = Training(
            self.model,
            objective.to(self.device),
            self.dataset,
            optimizer,
            folder,
            seed=self.section.seed,
            name=name,
            offset_decay=self.section.offset_decay,
            unclicked_cost=self.section.unclicked_cost,
            settings=self.decides(clicks_only),
            progress=self.progress,
            ranks=ranks,
        )
        training.run()


def knowledge_for(
    section: StudentSection, folder: Path | None, dataset: Dataset, clicks_only: bool
) -> Knowledge | None:
    """The teacher's knowledge, where there is some; what data, teacher or several processes cannot give is refused."""
    if folder is None:
        return None
    knowledge = Knowledge.load(folder)
    require_same(knowledge.folder, "the teacher's knowledge", knowledge.marks, dataset)
    if not clicks_only:
        refuse_kind(section.largest_loss, dataset.kind)
        refuse_signals(section.largest_loss, knowledge.supplies)
        _refuse_adapter(section, section.largest_loss, knowledge)
        if section.order is not None and not knowledge.earlier:
            found = "set, and no teacher handed over a state from before the weights that it kept"
            do = "Name earlier updates of its training in teacher.trajectory, or leave the section out."
            raise RecipeError("section student.order", found, "a teacher with a trajectory", do)
        if section.first is not None:
            refuse_signals(section.first.loss, knowledge.supplies, FIRST)
            _refuse_adapter(section, section.first.loss, knowledge, FIRST)
        if count_launched() > 1:
            refuse_parts(section.largest_loss, dataset.kind)
        if knowledge.scores is not None:
            _refuse_what_was_not_asked(section, dataset)
    return knowledge


def _refuse_what_was_not_asked(section: StudentSection, dataset: Dataset) -> None:
    """Refuse what needs more of a teacher than the scores that were made.

    Raises:
        RecipeError: naming the key.
    """
    refuse_listed(section.largest_loss, dataset.kind)
    if section.histories.changes:
        found = "histories that nobody had, and the teacher's scores were made once, of those that the data have"
        do = "Set swap, walk, drop and mix of student.histories to 0."
        raise RecipeError("section student.histories", found, "a teacher that can be asked anything", do)


def _refuse_adapter(section: StudentSection, loss: BaseModel, knowledge: Knowledge, key: str = KEY) -> None:
    if section.adapter != "none" or section.dim == knowledge.dim:
        return
    if names := [spec.name for spec in used(loss) if spec.vectors and spec.adapter]:
        found = f"'none', where the student has {section.dim} dimensions and the teacher {knowledge.dim}"
        do = f"Set {key}.{names[0]} = 0 to leave that loss out, or give the student {knowledge.dim} dimensions."
        raise RecipeError("key student.adapter", found, "auto, linear, mlp or experts", do)


def start_of(section: StudentSection, knowledge: Knowledge | None, dataset: Dataset) -> Knowledge | None:
    """What a student starts from; see `StudentSection.start`.

    Raises:
        RecipeError: see `merged`.
    """
    start = section.start
    if knowledge is None or start == "none":
        return None
    if start == "auto":
        return None if knowledge.joined else knowledge
    if start == MERGED:
        return merged(knowledge, section, dataset)
    return Knowledge.load(knowledge.folder.parent / start / "knowledge")
