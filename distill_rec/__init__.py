"""From clicks and a pre-trained language model to a small, fast recommender.

`run(recipe)` runs all stages of a recipe and returns the `Run`; `Run.load(folder)` reads one that is there;
`compare(run, {"teacher": ..., "student": ...})` puts models side by side. They need the extra `train`. A service
imports `distill_rec.runtime` (or `from students import Student`) alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distill_rec.comparison import Comparison, compare
    from distill_rec.runs import Run, run

__version__ = "0.1.0"
__all__ = ["Comparison", "Run", "__version__", "compare", "run"]


def __getattr__(name: str) -> Any:
    """Load what needs torch and polars when it is first asked for."""
    if name in ("run", "Run"):
        from distill_rec import runs

        return getattr(runs, name)
    if name in ("compare", "Comparison"):
        from distill_rec import comparison

        return getattr(comparison, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
