"""The shelf of teachers: recipes to copy from, and the front door for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distill_rec.teachers import Teacher

__all__ = ["Teacher"]


def __getattr__(name: str) -> type[Teacher]:
    """Torch is imported when the name is used, not before."""
    if name == "Teacher":
        from distill_rec.teachers import Teacher  # noqa: PLC0415

        return Teacher
    raise AttributeError(name)
