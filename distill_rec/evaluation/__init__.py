"""Metrics, protocols, comparison and report.

Names load when asked for: the process that measures a student's memory runs a module of this package and must not
hold polars for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distill_rec.evaluation.compare import compare
    from distill_rec.evaluation.protocol import PerSample, evaluate, validation_metric
    from distill_rec.evaluation.results import Results
    from distill_rec.evaluation.scorer import Scorer, popularity

_HOMES = {
    "compare": "compare",
    "PerSample": "protocol",
    "evaluate": "protocol",
    "validation_metric": "protocol",
    "Results": "results",
    "Scorer": "scorer",
    "popularity": "scorer",
}
__all__ = ["PerSample", "Results", "Scorer", "compare", "evaluate", "popularity", "validation_metric"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
