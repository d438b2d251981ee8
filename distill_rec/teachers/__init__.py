"""Teachers: a PLM with a small head, how much of it learns, and what it hands over."""

from distill_rec.teachers.teach import teach
from distill_rec.teachers.teacher import Teacher
from distill_rec.teachers.untrained import untrained_scorer

__all__ = ["Teacher", "teach", "untrained_scorer"]
