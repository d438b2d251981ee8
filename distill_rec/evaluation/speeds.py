"""How many times as fast one model encodes as another, from rounds that followed in turn."""

from __future__ import annotations

from statistics import median

from distill_rec.evaluation.results import ModelCost


def ratios_of_rounds(first: ModelCost, second: ModelCost, key: str = "items_per_second") -> list[float]:
    """`first / second` of each round, so that a slow minute of the machine meets both; empty where there are none."""
    pairs = zip(first.rounds.get(key, []), second.rounds.get(key, []), strict=False)
    return [one / other for one, other in pairs if other > 0]


def faster(first: ModelCost, second: ModelCost) -> str:
    """`196 times as fast (median of 5 rounds in turn, 181 to 214)`; of an older release's figures the one ratio."""
    each = ratios_of_rounds(first, second)
    if not each:
        once = (first.items_per_second or 0) / (second.items_per_second or 1)
        return f"{_short(once)} times as fast (measured once)"
    low, high = _short(min(each)), _short(max(each))
    return f"{_short(median(each))} times as fast (median of {len(each)} rounds in turn, {low} to {high})"


def span_of(cost: ModelCost, key: str) -> str:
    """`28 to 33` of the rounds; "" where there is one at most."""
    each = cost.rounds.get(key, [])
    if len(each) < 2:
        return ""
    decimals = 3 if key.endswith("_ms") else 0
    return f"{min(each):,.{decimals}f} to {max(each):,.{decimals}f}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
