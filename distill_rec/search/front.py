"""Which points are on the front of quality, size and latency, and which of them a budget asks for. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from distill_rec.search.records import Budget

NEAR = 1.1
"""Latencies differ where they are further apart than by this factor; nearer ones are a busy machine's noise."""


@dataclass(frozen=True)
class Figures:
    """What is compared of a point.

    Attributes:
        kept: share of the teacher's quality; None without a teacher.
    """

    quality: float
    megabytes: float
    milliseconds: float
    kept: float | None = None

    @property
    def pace(self) -> int:
        """Its latency in steps of a tenth."""
        return round(math.log(max(self.milliseconds, 1e-9), NEAR))


def kept_of(quality: float, teacher: float | None, chance: float) -> float | None:
    """Q, or Q' where chance gets more than zero; None where the teacher has none or is no better than chance."""
    if teacher is None or teacher <= chance:
        return None
    return (quality - chance) / (teacher - chance)


def front_of(points: Sequence[Figures]) -> list[bool]:
    """For each point whether no other is at least as good, as small and as quick, and better in one of the three."""
    return [not any(_dominates(other, one) for other in points) for one in points]


def fits(point: Figures, budget: Budget) -> bool:
    """Whether a point is within a budget."""
    return all(over <= 0 for over in over_of(point, budget).values())


def over_of(point: Figures, budget: Budget) -> dict[str, float]:
    """How far a point is over each limit that a budget has, as a share of it; zero or less: within it."""
    out = {}
    if budget.megabytes is not None:
        out["megabytes"] = point.megabytes / budget.megabytes - 1
    if budget.milliseconds is not None:
        out["milliseconds"] = point.milliseconds / budget.milliseconds - 1
    if budget.within is not None:
        out["within"] = 1.0 if point.kept is None else (1 - budget.within) - point.kept
    return out


def choose(points: Sequence[Figures], budget: Budget) -> int | None:
    """The place of the smallest that fits where the budget says what must be kept, else of the best that fits.

    Equal sizes are parted by quality, equal quality by size. None where nothing fits.
    """
    fitting = [place for place, point in enumerate(points) if fits(point, budget)]
    if budget.within is not None:
        return min(fitting, key=lambda place: (points[place].megabytes, -points[place].quality), default=None)
    return min(fitting, key=lambda place: (-points[place].quality, points[place].megabytes), default=None)


def _dominates(one: Figures, other: Figures) -> bool:
    as_good = one.quality >= other.quality and one.megabytes <= other.megabytes
    better = one.quality > other.quality or one.megabytes < other.megabytes
    quicker = one.milliseconds * NEAR < other.milliseconds
    return as_good and one.milliseconds <= other.milliseconds * NEAR and (better or quicker)
