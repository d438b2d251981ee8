"""`student.taught`: what holds a student down while a teacher teaches it."""

from __future__ import annotations

from pydantic import Field

from distill_rec.sections.base import Section


class TaughtSection(Section):
    """Regularisation of a student that learns from a teacher, in the place of `[student]`'s keys of the same names.

    Few clicks are learned by heart where nothing holds a model down. A teacher says something of every item for every
    history, and whatever blurs that keeps the student from it. Students without a teacher keep `[student]`'s own.
    """

    dropout: float = Field(0.0, ge=0, lt=1, description="dropout in the user encoder")
    offset_dropout: float = Field(0.0, ge=0, lt=1, description="share of items without their offset in a batch")
    offset_decay: float = Field(0.0, ge=0, description="AdamW's decay of offsets")
