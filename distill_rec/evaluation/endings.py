"""What ended each training: a figure of a model that was still getting better settles nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from distill_rec.evaluation.columns import title_of
from distill_rec.evaluation.results import Ending

WAYS = {
    "plateau": "a plateau",
    "max_epochs": "max_epochs",
    "max_updates": "max_updates",
    "max_seconds": "the clock (max_seconds)",
}


def unsettled(endings: Mapping[str, Sequence[Ending]], models: Sequence[str]) -> str:
    """Why nothing may be concluded from these models' figures; "" where each was trained to its end."""
    found = []
    for model in models:
        open_ends = [ending for ending in endings.get(model, []) if not ending.settled]
        if open_ends:
            first = open_ends[0]
            how = "was still rising when" if first.rising else "was cut when"
            found.append(f"{title_of(model)} {how} {WAYS[first.stopped]} ended it after {first.updates:,} updates")
    return ", and ".join(found)


def summary_of(endings: Mapping[str, Sequence[Ending]]) -> str:
    """One sentence on what ended each training; "" where nothing is known of any."""
    parts = []
    for model, ends in endings.items():
        ways = dict.fromkeys(WAYS[end.stopped] + (", still rising" if end.rising else "") for end in ends)
        updates = sorted({end.updates for end in ends})
        span = f"{updates[0]:,}" if len(updates) == 1 else f"{updates[0]:,} to {updates[-1]:,}"
        parts.append(f"{title_of(model)} by {' or '.join(ways)} after {span} updates")
    return f"Trainings were ended: {'; '.join(parts)}." if parts else ""
