"""What a trained teacher or student says of itself in `model.json`; a kind may note more than this."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from distill_rec.records import Record

LATER = "later"
"""What comes before the names of a student's tensors that encode texts which come after its training."""

TRANSITIONS = "transitions"
"""What comes before the names of its transition term's."""


class TeacherRecord(Record):
    """A teacher's.

    Attributes:
        kind: "" in older ones, which are bi-encoders.
        section: of the recipe, as it was trained.
        trunk, template: where its PLM came from, and what must be the same to encode with it; of one that reads texts.
        user_encoder: its kind and shape.
    """

    model_config = ConfigDict(extra="allow")

    kind: str = ""
    section: dict[str, Any]
    trunk: dict[str, Any] = Field(default_factory=dict)
    user_encoder: dict[str, Any]
    template: str = ""
    unescape_html: bool = False
    items: int
    parameters: int


class StudentRecord(Record):
    """A student's: enough to load it without trunk or data.

    Attributes:
        kind: of its item encoder.
        user_encoder: its kind and shape.
    """

    model_config = ConfigDict(extra="allow")

    kind: str
    dim: int
    max_tokens: int
    user_encoder: dict[str, Any]
    template: str
    unescape_html: bool = False
    parameters: int
