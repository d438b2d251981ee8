"""Small real things to test with: those that the package's own suite uses, and small students."""

from __future__ import annotations

from distill_rec.kinds import settings_of
from distill_rec.recipe import StudentSection
from distill_rec.testing.trunks import WORDS, word_piece, write_trunk
from distill_rec.testing.worlds import make_dataset

__all__ = ["WORDS", "make_dataset", "student_section", "word_piece", "write_trunk"]

HIDDEN = {"static": {"table_dim": 8}, "sequential": {"table_dim": 32}, "transformer": {}}
"""What small students of each kind have beside the rest."""


def student_section(kind: str = "static", **settings: object) -> StudentSection:
    """A small student of a kind."""
    section = settings_of("student", kind).model_validate({"dim": 8, "hidden": 8, **HIDDEN[kind], **settings})
    assert isinstance(section, StudentSection)
    return section
