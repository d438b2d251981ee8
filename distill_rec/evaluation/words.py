"""Figures as short texts, the same on a terminal and on every page."""

from __future__ import annotations

from distill_rec.evaluation.numerals import plain, signed
from distill_rec.evaluation.results import Cell, Difference

NONE = "–"


def half_text(low: float, high: float, decimals: int = 4) -> str:
    """`±0.0110`, half of an interval."""
    return f"±{plain((high - low) / 2, decimals)}"


def cell_text(cell: Cell | None) -> str:
    """`0.1042 ±0.0110`."""
    return NONE if cell is None else f"{plain(cell.mean)} {half_text(cell.low, cell.high)}"


def difference_text(found: Difference | None) -> str:
    """`+0.0040 (+0.0028 to +0.0052)`."""
    return NONE if found is None else f"{signed(found.value)} ({signed(found.low)} to {signed(found.high)})"
