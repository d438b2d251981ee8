"""What training a student on clicks costs."""

from __future__ import annotations

from distill_rec.contracts import student_spec
from distill_rec.estimates import Sizes, training_seconds
from teachers.student.spec import StudentTeacherSection


def estimate(section: StudentTeacherSection, sizes: Sizes) -> tuple[str, float]:
    """See `contracts.EstimateTeacher`."""
    model = section.model
    seconds = student_spec(model.kind).around(model, sizes) + training_seconds(model, model.optimizer, sizes)
    return f"{model.kind}, {model.dim} dimensions, on clicks alone", seconds
