"""Interleaved timing: every round calls each case for its slice of the time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Prepared:
    """A call whose input is made before the clock starts."""

    make: Callable[[int], Any]
    use: Callable[[Any], object]


Call = Callable[[int], object] | Prepared
"""Takes a running number, so that every call can have another input."""


@dataclass
class Times:
    """Seconds of each call, by round."""

    rounds: list[list[float]] = field(default_factory=list)

    @property
    def seconds(self) -> list[float]:
        return [second for one in self.rounds for second in one]

    def percentile_ms(self, percent: float) -> float:
        return float(np.percentile(self.seconds, percent)) * 1e3

    def medians_ms(self) -> list[float]:
        """Of each round."""
        return [float(np.median(one)) * 1e3 for one in self.rounds]

    def calls_a_second(self) -> float:
        """The median round's."""
        return float(np.median([len(one) / sum(one) for one in self.rounds]))


def interleave(calls: list[Call], rounds: int, seconds: float) -> list[Times]:
    """Time each call, at least once a round; `seconds` is for all of it, warming up (one call each) left out."""
    times = [Times() for _ in calls]
    numbers = [count() for _ in calls]
    for call, number in zip(calls, numbers, strict=True):
        ready(call, next(number))()
    share = seconds / max(1, rounds * len(calls))
    for _ in range(rounds):
        for call, number, found in zip(calls, numbers, times, strict=True):
            found.rounds.append(_slice(call, number, share))
    return times


def ready(call: Call, number: int) -> Callable[[], object]:
    """With its input made, and nothing left to give."""
    return partial(call.use, call.make(number)) if isinstance(call, Prepared) else partial(call, number)


def _slice(call: Call, number: Iterator[int], seconds: float) -> list[float]:
    took = []
    end = time.perf_counter() + seconds
    while True:
        bound = ready(call, next(number))
        begin = time.perf_counter()
        bound()
        now = time.perf_counter()
        took.append(now - begin)
        if now >= end:
            return took
