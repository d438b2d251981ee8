"""What a trained teacher or student says of itself in `model.json`; a kind may note more than this."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict

from distill_rec.records import Record


class TeacherRecord(Record):
    """A teacher's.

    Attributes:
        section: of the recipe, as it was trained.
        trunk: where its PLM came from, and what must be the same to encode with it.
        user_encoder: its kind and shape.
    """

    model_config = ConfigDict(extra="allow")

    section: dict[str, Any]
    trunk: dict[str, Any]
    user_encoder: dict[str, Any]
    template: str
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
