"""What the comparisons share: threads fixed before numpy loads, turns taken, figures with their ratios."""

from __future__ import annotations

import os
import statistics
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from distill_rec.processes import THREADS

if TYPE_CHECKING:
    from distill_rec.bench.timing import Prepared


def with_threads(threads: int) -> None:
    """Start this script anew with that many threads, unless it was; libraries read their number when they load."""
    wanted = dict.fromkeys(THREADS, str(threads)) | {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | wanted)


def compare(
    calls: Mapping[str, Callable[[int], object] | Prepared], rounds: int, seconds: float, units: int, ours: str
) -> dict[str, Any]:
    """Each call's median time, and how many times longer it takes than `ours`: the median of the rounds' ratios.

    Args:
        calls: each takes a running number, or has its input made from one before the clock starts.
        seconds: of all of them together; every one is called at least once a round.
        units: items or users of one call.
        ours: the name that the others are compared with.
    """
    from distill_rec.bench.timing import interleave

    times = dict(zip(calls, interleave(list(calls.values()), rounds, seconds), strict=True))
    mine = times[ours].medians_ms() if ours in times else None
    out = {}
    for name, found in times.items():
        medians = found.medians_ms()
        out[name] = {
            "p50_ms": rounded(found.percentile_ms(50)),
            "p99_ms": rounded(found.percentile_ms(99)),
            "per_second": rounded(units / statistics.median(medians) * 1e3),
            "calls": len(found.seconds),
        }
        if mine is not None and name != ours:
            out[name]["times_ours"] = rounded(statistics.median(a / b for a, b in zip(medians, mine, strict=True)))
    return out


def rounded(value: float) -> float:
    """Four digits."""
    return float(f"{value:.4g}")


def say(text: str) -> None:
    """On stderr; stdout holds the result alone."""
    print(text, file=sys.stderr, flush=True)
