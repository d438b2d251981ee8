"""A reading at equal seconds, from the validation curves that every training leaves anyway."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from distill_rec.study.records import Curve, Trained

Floats = NDArray[np.float64]
POINTS = 60
"""Of a band, over its seconds."""


def read_at_equal_seconds(trained: Sequence[Trained]) -> float | None:
    """Note in each training the best validation value within the seconds that all reached, and return these.

    One that ended by itself, at its plateau, has reached all later seconds too: it would have gained no more. So the
    smallest time is looked for among those that the budget or another limit cut; where none was, all reached the last.
    """
    if not trained:
        return None
    cut = [one.curve[-1][0] for one in trained if one.stopped != "plateau"]
    seconds = min(cut) if cut else max(one.curve[-1][0] for one in trained)
    for one in trained:
        one.at_equal_seconds = best_within(one.curve, seconds)
    return seconds


def best_within(curve: Curve, seconds: float) -> float:
    """Best value up to a time; the first value, which is at zero seconds, where nothing else is."""
    return max([value for at, value in curve if at <= seconds] or [curve[0][1]])


def band(curves: Sequence[Curve]) -> tuple[Floats, Floats, Floats, Floats]:
    """Seconds, and lowest, mean and highest of several seeds' curves, as far as all of them go.

    Between two validations a curve is a straight line.
    """
    end = min(curve[-1][0] for curve in curves)
    at = np.linspace(0, end, POINTS)
    values = np.stack([np.interp(at, [x for x, _ in curve], [y for _, y in curve]) for curve in curves])
    return at, values.min(axis=0), values.mean(axis=0), values.max(axis=0)
