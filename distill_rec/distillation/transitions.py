"""Transition terms of a run's students, fitted once they are trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from distill_rec.data.dataset import Dataset
from distill_rec.model_records import TRANSITIONS
from distill_rec.progress import Progress
from distill_rec.student_model import load_student
from distill_rec.training.checkpoint import save_weights
from distill_rec.training.transition_term import fit_transitions


def fit_transition_terms(student: Path, others: Sequence[Path], dataset: Dataset, progress: Progress) -> None:
    """Give a trained student a transition term where it is worth it, and then those that it is compared with.

    Each has its own factor. Where the student has no term, none has: what is compared differs by nothing else. Done
    again, as after a kill, it changes nothing.

    Args:
        student, others: folders of trained students.
    """
    if _fit(student, dataset, progress, only_if_sure=True):
        for other in others:
            _fit(other, dataset, progress, only_if_sure=False)


def _fit(folder: Path, dataset: Dataset, progress: Progress, *, only_if_sure: bool) -> bool:
    """Whether it has one now."""
    model = load_student(folder)
    if model.transitions is not None:
        return True
    found = fit_transitions(model.scorer(folder.name), dataset, only_if_sure=only_if_sure, progress=progress)
    if found is None:
        return False
    tensors = {f"{TRANSITIONS}.{name}": torch.from_numpy(one) for name, one in found.arrays().items()}
    save_weights(model.weights_file, model.tensors | tensors)
    return True
