"""Teachers: one folder for each kind or published system, with its code, recipe and card."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distill_rec.teacher_model import Teacher

__all__ = ["Teacher"]


def __getattr__(name: str) -> type[Teacher]:
    """Torch is imported when the name is used, not before."""
    if name == "Teacher":
        from distill_rec.teacher_model import Teacher  # noqa: PLC0415

        return Teacher
    raise AttributeError(name)
