"""How much of a PLM must learn: tunings side by side on one's own data, under one budget and one protocol.

`tune_study(recipe, tunings=[...], ...)` makes or goes on with a study; `StudyRecord` is what it found. Both load late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distill_rec.study.records import StudyRecord
    from distill_rec.study.run import tune_study

__all__ = ["StudyRecord", "tune_study"]
_HOMES = {"StudyRecord": "records", "tune_study": "run"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
