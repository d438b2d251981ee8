"""Which small student: kinds, losses and sizes tried under a budget, and the front of quality, size and latency.

`search_students(recipe, ...)` makes or goes on with a search; `SearchRecord` is what it found. Both load late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distill_rec.search.records import SearchRecord
    from distill_rec.search.run import search_students

__all__ = ["SearchRecord", "search_students"]
_HOMES = {"SearchRecord": "records", "search_students": "run"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
