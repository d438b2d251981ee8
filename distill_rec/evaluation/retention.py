"""What is kept of the teacher on each slice of the test, and how much of the whole difference lies there."""

from __future__ import annotations

from dataclasses import dataclass

from distill_rec.evaluation.results import Difference, Ratio, Results, Slicing, Table
from distill_rec.evaluation.svg import Point, groups


@dataclass(frozen=True)
class Kept:
    """One model on one slice.

    Attributes:
        share: of the test's samples that lie in the slices.
        ratio: Q of nDCG@10, or Q' of AUC; without a value where the teacher cannot be told from chance.
        difference: the model less the teacher.
        part: what the slice adds to the difference over all samples of the slices (means over samples, so that the
            slices' parts add up).
    """

    slice: str
    model: str
    share: float
    ratio: Ratio
    difference: Difference
    part: float


def students_of(results: Results, table: Table) -> list[str]:
    """Models that have something to keep of the teacher; not the members that it is made of."""
    members = {share.name for share in results.shares}
    return list(dict.fromkeys(found.model for found in table.ratios if found.model not in members))


def shown_ratios(results: Results, table: Table) -> list[Ratio]:
    """Q, Q' and G of those."""
    return [found for found in table.ratios if found.model in students_of(results, table)]


def kept(results: Results, slicing: Slicing, name: str) -> list[Kept]:
    """Every student on every slice.

    Args:
        name: "Q" or "Q'"; the metric is nDCG@10, or the one that chance is known of.
    """
    total = sum(one.table.samples for one in slicing.slices)
    out = []
    for one in slicing.slices:
        table = one.table
        for model in students_of(results, table):
            ratio = next((r for r in table.ratios if r.name == name and r.model == model), None)
            against = None if ratio is None else _against(table, ratio.metric, model)
            if ratio is None or against is None:
                continue
            cells, share = table.cells[ratio.metric], table.samples / total
            part = share * (cells[model].mean_samples - cells["teacher"].mean_samples)
            out.append(Kept(one.name, model, share, ratio, against, part))
    return out


def ratio_of(results: Results) -> str:
    """The retention that a slice is read by: Q where targets are ranked, Q' (above chance) of impressions."""
    return "Q" if results.protocol == "catalogue" else "Q'"


def retention(results: Results, slicing: Slicing) -> str:
    """Retention by slice with intervals, and a line where all is kept; "" where it is nowhere defined."""
    found = [one for one in kept(results, slicing, ratio_of(results)) if one.ratio.value is not None]
    names = list(dict.fromkeys(one.slice for one in found))
    if not names:
        return ""
    series: dict[str, list[Point]] = {}
    for one in found:
        series.setdefault(one.model, []).append(_point(one))
    metric = results.metrics[found[0].ratio.metric]
    title = f"{ratio_of(results)} of {metric}: share of the teacher\u2019s kept"
    return groups(names, series, title, slicing.by, level=1.0)


def _point(one: Kept) -> Point:
    value = one.ratio.value or 0.0
    low, high = one.ratio.low, one.ratio.high
    return Point(one.model, one.model, value, value if low is None else low, value if high is None else high)


def _against(table: Table, metric: str, model: str) -> Difference | None:
    """The model less the teacher; tables have it either way round."""
    found = table.difference(metric, model, "teacher")
    if found is not None:
        return found
    other = table.difference(metric, "teacher", model)
    if other is None:
        return None
    turned = {"first": model, "second": "teacher", "value": -other.value, "low": -other.high, "high": -other.low}
    return other.model_copy(update=turned)
