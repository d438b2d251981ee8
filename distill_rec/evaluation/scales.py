"""Axes of powers of ten: the quickest and the slowest, the smallest and the largest are thousands apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Places on an axis from 10^low to 10^high."""

    low: int
    high: int
    start: float
    end: float

    @staticmethod
    def over(values: Sequence[float], start: float, end: float) -> Scale:
        low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        return Scale(low, max(high, low + 1), start, end)

    def at(self, value: float) -> float:
        return self.start + (math.log10(value) - self.low) / (self.high - self.low) * (self.end - self.start)

    def marks(self) -> list[float]:
        step = max(1, (self.high - self.low) // 5)
        return [10.0**power for power in range(self.low, self.high + 1, step)]


def mark(value: float) -> str:
    """`1M`, `10k`, `0.01`."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
