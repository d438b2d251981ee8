"""Losses: pure functions of tensors, one per file; what a recipe may name is in `registry`.

Importing this package loads no torch, so that a recipe knows its keys without it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from distill_rec.losses.spec import LossSpec

if TYPE_CHECKING:
    from distill_rec.losses.catalogue import TeacherScores, catalogue_loss
    from distill_rec.losses.chunk import Chunk, Term
    from distill_rec.losses.click import impression_click_loss

_HOME = {
    "Chunk": "chunk",
    "TeacherScores": "catalogue",
    "Term": "chunk",
    "catalogue_loss": "catalogue",
    "impression_click_loss": "click",
}

__all__ = ["Chunk", "LossSpec", "TeacherScores", "Term", "catalogue_loss", "impression_click_loss"]


def __getattr__(name: str) -> Any:
    """Load what needs torch when it is first asked for."""
    if name in _HOME:
        return getattr(import_module(f"distill_rec.losses.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
