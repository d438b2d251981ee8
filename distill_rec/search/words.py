"""A search's figures as short texts, the same on a terminal and on the page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from distill_rec.evaluation.endings import WAYS
from distill_rec.evaluation.numerals import percent, plain
from distill_rec.evaluation.results import Ratio
from distill_rec.evaluation.words import NONE
from distill_rec.search.records import Budget, Found, SearchRecord
from distill_rec.sections.search import Choice, Dimension

OWN = "the recipe’s own"


def student_in_words(changes: Mapping[str, Any], short: Mapping[str, str]) -> str:
    """`dim 64, kl 1`: a trial's changes by their short names."""
    return ", ".join(f"{short.get(key, key)} {_value(value)}" for key, value in changes.items()) or OWN


def short_names(keys: Iterable[str]) -> dict[str, str]:
    """What each key is called: its last part, where that is its alone."""
    keys = list(keys)
    last = [key.rpartition(".")[2] for key in keys]
    return {key: short if last.count(short) == 1 else key for key, short in zip(keys, last, strict=True)}


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else value if isinstance(value, str) else json.dumps(value)


def dimension_text(dimension: Dimension) -> str:
    """`32, 64, 128`, or `0.0005 to 0.01, by its logarithm`."""
    if isinstance(dimension, Choice):
        return ", ".join(_value(value) for value in dimension.values)
    step = "" if dimension.step is None else f", in steps of {dimension.step:g}"
    return f"{dimension.low:g} to {dimension.high:g}{', by its logarithm' if dimension.log else ''}{step}"


def quality_text(search: SearchRecord, found: Found) -> str:
    """On validation data."""
    return plain(found.point.quality[search.main_metric])


def kept_text(found: Found) -> str:
    return NONE if found.kept is None else percent(found.kept)


def megabytes_text(found: Found) -> str:
    return f"{found.point.megabytes:,.2f}"


def milliseconds_text(found: Found) -> str:
    return f"{found.point.milliseconds:.3g}"


def rate_text(found: Found) -> str:
    return f"{found.point.items_per_second:,.0f}"


def seconds_text(found: Found) -> str:
    return f"{found.training_seconds:,.1f}"


def ended_text(found: Found) -> str:
    return WAYS[found.stopped] + (", still rising" if found.rising else "")


def mark_text(search: SearchRecord, found: Found) -> str:
    """What a point is within the search."""
    if found.name == search.chosen:
        return "chosen"
    marks = ["front"] if found.front else []
    return ", ".join(marks if found.fits else [*marks, "outside the budget"])


def ratio_text(found: Ratio | None) -> str:
    """`0.987 (0.961 to 1.014)`."""
    if found is None or found.value is None or found.low is None or found.high is None:
        return NONE
    return f"{plain(found.value, 3)} ({plain(found.low, 3)} to {plain(found.high, 3)})"


def budget_text(budget: Budget) -> str:
    """`at most 4 MB, at most 0.05 ms, within 1 % of the teacher`."""
    parts = []
    if budget.megabytes is not None:
        parts.append(f"at most {budget.megabytes:g} MB")
    if budget.milliseconds is not None:
        parts.append(f"at most {budget.milliseconds:g} ms")
    if budget.within is not None:
        parts.append(f"within {100 * budget.within:g} % of the teacher")
    return ", ".join(parts) or "none"


def included(search: SearchRecord) -> str:
    """What the figures are."""
    title = search.metrics[search.main_metric]
    text = (
        f"Quality is the exported student’s {title} on validation data, by which it is chosen. MB are what a service "
        "loads, catalogue included. Milliseconds are of ranking 100 candidates, one thread: the median of the quietest "
        "of five rounds; on the front, latencies within a tenth of each other count as equal."
    )
    return text if search.teacher is None else f"{text} Kept is the share of the teacher’s, above chance."
