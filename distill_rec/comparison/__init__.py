"""Models side by side in a notebook: `compare(dataset, {"teacher": ..., "student": ...})`."""

from __future__ import annotations

from distill_rec.comparison.compare import compare
from distill_rec.comparison.result import Comparison

__all__ = ["Comparison", "compare"]
