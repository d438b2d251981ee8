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
            found.append(f"{_who(model, first)} {how} {WAYS[first.stopped]} ended it after {first.updates:,} updates")
    return ", and ".join(found)


def summary_of(endings: Mapping[str, Sequence[Ending]]) -> str:
    """One sentence on what ended each training and which weights were kept; "" where nothing is known of any."""
    by = _by_training(endings)
    trained = {who: ends for who, ends in by.items() if any(end.updates for end in ends)}
    parts = [_told(who, ends) for who, ends in trained.items()]
    told = f"Trainings were ended: {'; '.join(parts)}." if parts else ""
    began = [who for who in by if who not in trained]
    return f"{told} Not trained, by max_updates = 0: {', '.join(began)}.".lstrip() if began else told


def levels_told(endings: Mapping[str, Sequence[Ending]]) -> str:
    """Whose items without a click were lowered or raised, and by how much; "" where nobody's were."""
    lowered, raised = (_moved_by(endings, sign) for sign in (-1, 1))
    why = "because on validation data they cost more nDCG@10 than unclicked_cost lets them"
    told = f"Scores of items without a click were lowered, {why}: {', '.join(lowered)}." if lowered else ""
    if not raised:
        return told
    why = "because its teachers had each lowered them, and together they cost less"
    return f"{told} Scores of items without a click were raised, {why}: {', '.join(raised)}.".lstrip()


def _moved_by(endings: Mapping[str, Sequence[Ending]], sign: int) -> list[str]:
    """Each training whose items without a click went that way, with how far."""
    parts = []
    for who, ends in _by_training(endings).items():
        by = sorted(sign * level for end in ends if (level := end.unclicked_level or 0.0) * sign > 0)
        if by:
            parts.append(f"{who} by {by[0]:g}{f' to {by[-1]:g}' if by[-1] > by[0] else ''}")
    return parts


def _by_training(endings: Mapping[str, Sequence[Ending]]) -> dict[str, list[Ending]]:
    """Endings by what was trained, each of several teachers apart."""
    out: dict[str, list[Ending]] = {}
    for model, ends in endings.items():
        for end in ends:
            out.setdefault(_who(model, end), []).append(end)
    return out


def _who(model: str, end: Ending) -> str:
    return f"{title_of(model)} {end.name!r}" if end.name else title_of(model)


def _told(who: str, ends: Sequence[Ending]) -> str:
    ways = dict.fromkeys(WAYS[end.stopped] + (", still rising" if end.rising else "") for end in ends)
    text = f"{who} by {' or '.join(ways)} after {_span([end.updates for end in ends])} updates"
    kept = [end.kept for end in ends if end.kept is not None]
    if not kept:
        return text
    return f"{text} (kept: {f'those after {_span(kept)}' if any(kept) else 'the start'})"


def _span(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
