"""`student.joint`: the teacher goes on learning while it teaches."""

from __future__ import annotations

from pydantic import Field

from distill_rec.sections.base import Section


class JointSection(Section):
    """Teacher and student learn from the same batches at the same time (NewsBERT), trained by `student.optimizer`."""

    tuning: str = Field(
        "",
        description="what of the teacher's PLM learns meanwhile, written as teacher.tuning, where that is head; '': as "
        "the teacher was tuned",
    )
    teacher_click: float = Field(
        1.0, gt=0, description="weight of the teacher's own cross-entropy of the clicks, all that it learns from"
    )
