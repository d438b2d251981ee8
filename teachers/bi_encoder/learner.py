"""A finished bi-encoder that goes on learning beside a student, its trunk as far as a tuning says."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file

from distill_rec.data.dataset import Dataset
from distill_rec.learner import Learner
from distill_rec.model_records import TeacherRecord
from distill_rec.nn.recommender import Recommender
from distill_rec.progress import Progress
from distill_rec.recipe import OptimizerSection
from distill_rec.records import read_record
from distill_rec.runtime.errors import ModelError, RecipeError
from distill_rec.trunks.vectors import is_vector_file
from teachers.bi_encoder.build import build_teacher, open_source
from teachers.bi_encoder.post_training.trunk import POST_TRAINED
from teachers.bi_encoder.publish import write_teacher
from teachers.bi_encoder.spec import BiEncoderSection


def open_learner(
    folder: Path, tuning: str, dataset: Dataset, device: torch.device, chunk: int, progress: Progress
) -> Learner:
    """See `contracts.OpenLearner`. Its repeat term stays as it was taught.

    Raises:
        RecipeError: its trunk is a file of vectors, or was tuned in another way than is asked for.
        ModelError: the trunk's weights are not those that it was trained on.
    """
    record = read_record(TeacherRecord, folder / "model.json")
    section = BiEncoderSection.model_validate(record.section)
    variant = section.model_copy(update={"tuning": _tuning_of(section, tuning)})
    learned = folder / POST_TRAINED if section.post_training is not None else None
    source = open_source(variant, dataset, device, learned)
    if source.record["digest"] != record.trunk["digest"]:
        found, own = (str(digest)[:12] for digest in (source.record["digest"], record.trunk["digest"]))
        raise ModelError(section.trunk, f"weights {found}", f"weights {own}, as trained")
    # Its optimizer says alone how many texts are encoded at once here: it is trained by the student's.
    chunked = variant.model_copy(update={"trunk_optimizer": OptimizerSection(item_chunk=chunk)})
    model = build_teacher(chunked, source, dataset, device, progress)
    _go_on(model, folder / "weights.safetensors")
    if model.repeat_term is not None:
        model.repeat_term.requires_grad_(False)

    def write(place: Path) -> None:
        write_teacher(variant, source, dataset, model, place, progress, learned)

    return Learner(model, variant.tuning, write)


def _tuning_of(section: BiEncoderSection, asked: str) -> str:
    """
    Raises:
        RecipeError: the teacher's trunk cannot be tuned so.
    """
    if is_vector_file(section.trunk):
        found = "a teacher whose trunk is a file of vectors, which holds no texts to encode beside the student"
        raise RecipeError("section student.joint", found, "a trunk that is a model", "Leave the section out.")
    if asked and asked != section.tuning and section.tuning != "head":
        found = f"{asked!r}, and the teacher was tuned by {section.tuning!r}"
        raise RecipeError("key student.joint.tuning", found, f"'' or {section.tuning!r}, or a teacher of tuning 'head'")
    return asked or section.tuning


def _go_on(model: Recommender, weights: Path) -> None:
    """Take over what was taught; layers that only now begin to learn are the trunk's own already."""
    taught = load_file(weights)
    own = model.state_dict()
    with torch.no_grad():
        for name, tensor in own.items():
            if name in taught:
                tensor.copy_(taught[name])
