"""`[student.first.tokens]`: which layers of which teacher's PLM a student's layers learn from."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from distill_rec.sections.base import Section


class TokensSection(Section):
    """What losses of token states read; the PLM is the teacher's as it was tuned."""

    of: str = Field("", description="name of the one of several teachers whose PLM is read; '': the recipe's only one")
    relation_layer: int | None = Field(
        None,
        ge=1,
        description="the teacher's layer, from 1, whose attention the student's last layer learns the relations of; "
        "left out: its last",
    )
    hidden_layers: list[Annotated[int, Field(ge=0)]] = Field(
        default_factory=list,
        description="for each of the student's layers the teacher's, from 1, whose token states hidden compares it "
        "with, as [3, 6]; 0: none; left out: evenly spread, the last with the last",
    )
