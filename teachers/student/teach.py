"""Train a student on clicks alone and hand over what it knows, as any teacher does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.dataset import Dataset
from distill_rec.distillation import distill
from distill_rec.knowledge import Knowledge, store_knowledge
from distill_rec.model_records import TeacherRecord
from distill_rec.progress import Progress
from distill_rec.records import read_record, write_record
from distill_rec.student_model import StudentModel, load_student
from distill_rec.teacher_model import Teacher
from distill_rec.training.checkpoint import save_weights
from distill_rec.training.outcome import Outcome
from teachers.student.spec import TRAINED, StudentTeacherSection


def teach(section: StudentTeacherSection, dataset: Dataset, folder: Path, *, progress: Progress | None = None) -> None:
    """See `contracts.Teach`.

    Raises:
        TrainingError: a loss that is not finite.
    """
    name = f"teacher {section.model.kind}"
    distill(section.student, None, dataset, folder / TRAINED, trunk=section.trunk, name=name, progress=progress)
    student = load_student(folder / TRAINED)
    store_knowledge(folder / "knowledge", knowledge_of(student, dataset), dataset)
    save_weights(folder / "weights.safetensors", student.tensors)
    write_record(folder / "history.json", read_record(Outcome, folder / TRAINED / "history.json"))
    record = {
        "kind": section.kind,
        "section": section.model_dump(),
        "user_encoder": student.config["user_encoder"],
        "template": student.config["template"],
        "unescape_html": student.config["unescape_html"],
        "items": dataset.n_items,
        "parameters": student.parameters_count,
    }
    write_record(folder / "model.json", TeacherRecord.model_validate(record))


def knowledge_of(student: StudentModel, dataset: Dataset) -> Knowledge:
    """What a student would hand over as a teacher."""
    student = student.as_learned
    texts = student.encode_texts(dataset.texts)
    return Knowledge(
        student.item_vectors,
        texts,
        student.offsets,
        student.user_encoder,
        student.config["user_encoder"],
        repeat=student.repeat,
    )


def open_encoder(teacher: Teacher) -> Callable[[list[str]], NDArray[np.float32]]:
    """See `contracts.OpenEncoder`."""
    return load_student(teacher.folder / TRAINED).as_learned.encode_texts
