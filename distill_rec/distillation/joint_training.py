"""The teacher that a student is trained together with: opened, refused where it cannot, and written when both end."""

from __future__ import annotations

from pathlib import Path

from distill_rec.contracts import learner_of
from distill_rec.data.dataset import Dataset
from distill_rec.device import choose_device
from distill_rec.learner import Learner
from distill_rec.progress import Progress
from distill_rec.recipe import StudentSection
from distill_rec.runtime.errors import RecipeError
from distill_rec.teacher_model import Teacher


def open_learner(section: StudentSection, taught: Path, dataset: Dataset, progress: Progress) -> Learner:
    """The finished teacher of a folder, ready to go on.

    Raises:
        RecipeError: the teacher, or the student's optimiser, is none that can.
    """
    assert section.joint is not None
    opener = learner_of(Teacher.load(taught).kind)
    if any(one.trunk_layer_decay != 1 for one in section.optimizer.each_try()):
        found = "below 1, and two models are trained, each with layers of its own"
        raise RecipeError("key student.optimizer.trunk_layer_decay", found, "1, with student.joint")
    if section.histories.changes and not section.histories.with_clicks:
        found = "false, and the teacher that is trained with it learns from the clicks alone"
        raise RecipeError("key student.histories.clicks", found, "true, with student.joint")
    device, chunk = choose_device(section.device), section.optimizer.item_chunk
    return opener.get()(taught, section.joint.tuning, dataset, device, chunk, progress)
