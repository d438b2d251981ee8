"""Students in torch: how they start, train and are read back. Services import `distill_rec.runtime` instead."""

from distill_rec.students.build import Built, build_student
from distill_rec.students.student_model import StudentModel, load_student, write_student

__all__ = ["Built", "StudentModel", "build_student", "load_student", "write_student"]
