"""The front of a search, as SVG in the page's colours."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from distill_rec.evaluation.numerals import plain
from distill_rec.evaluation.svg import RIGHT, WIDTH, figure
from distill_rec.search.records import Found, SearchRecord
from distill_rec.study.plots import BOTTOM, HEIGHT, LEFT, TOP, Axes

Cost = Callable[[Found], float]


def size_plot(search: SearchRecord) -> str:
    """Quality on validation data by megabytes."""
    return _plot(search, lambda one: one.point.megabytes, "size", "MB that a service loads")


def latency_plot(search: SearchRecord) -> str:
    """Quality on validation data by milliseconds."""
    return _plot(search, lambda one: one.point.milliseconds, "latency", "milliseconds of ranking 100 candidates")


def _plot(search: SearchRecord, cost: Cost, by: str, axis: str) -> str:
    """Every point; the steps of the best at each cost; the teacher and what is within the budget of it as lines."""
    if not search.found:
        return ""
    levels = _levels(search)
    values = [*(_quality(search, one) for one in search.found), *levels.values()]
    low, high = min(values), max(values)
    margin = 0.04 * ((high - low) or abs(high) or 1.0)
    plot = Axes(max(map(cost, search.found)), low - margin, high + margin)
    body = [*plot.marks(axis), *_lines(plot, levels), _steps(search, plot, cost)]
    body += [_dot(search, one, plot, cost) for one in sorted(search.found, key=lambda one: one.name == search.chosen)]
    return figure(f"Validation {search.metrics[search.main_metric]} by {by}", HEIGHT, body)


def _quality(search: SearchRecord, one: Found) -> float:
    return one.point.quality[search.main_metric]


def _levels(search: SearchRecord) -> dict[str, float]:
    """Heights that are told by a line."""
    if search.teacher is None or search.main_metric not in search.teacher:
        return {}
    teacher = search.teacher[search.main_metric]
    within, out = search.budget.within, {"teacher": teacher}
    if within:
        chance = 0.5 if search.main_metric == "auc" else 0.0
        out[f"within {100 * within:g} %"] = chance + (teacher - chance) * (1 - within)
    return out


def _lines(plot: Axes, levels: dict[str, float]) -> list[str]:
    out = []
    for place, (name, value) in enumerate(levels.items()):
        y, dash = plot.y(value), ' stroke-dasharray="5 4"' if place else ""
        above = y - 5 if place == 0 else y + 13
        out.append(
            f'<g class="m-teacher"><title>{escape(name)}: {value:.4f}</title>'
            f'<polyline points="{LEFT},{y:.1f} {WIDTH - RIGHT},{y:.1f}"{dash}/>'
            f'<text class="end" x="{WIDTH - RIGHT}" y="{above:.1f}">{escape(name)}</text></g>'
        )
    return out


def _steps(search: SearchRecord, plot: Axes, cost: Cost) -> str:
    """The best quality at each cost or less."""
    best, points = float("-inf"), list[str]()
    for one in sorted(search.found, key=lambda one: (cost(one), -_quality(search, one))):
        if (value := _quality(search, one)) > best:
            x = plot.x(cost(one))
            points += [f"{x:.1f},{plot.y(best):.1f}"] if points else []
            points.append(f"{x:.1f},{plot.y(value):.1f}")
            best = value
    points.append(f"{WIDTH - RIGHT},{plot.y(best):.1f}")
    return f'<g class="m-student"><polyline points="{" ".join(points)}" opacity=".6"/></g>'


def _dot(search: SearchRecord, one: Found, plot: Axes, cost: Cost) -> str:
    x, y = plot.x(cost(one)), plot.y(_quality(search, one))
    style = "student" if one.front else "popularity"
    told = f"{one.name} ({one.student}): {plain(_quality(search, one))}, {one.point.megabytes:.2f} MB"
    told += f", {one.point.milliseconds:.3g} ms"
    ring = label = ""
    if one.name == search.chosen:
        ring = f'<circle class="ring" cx="{x:.1f}" cy="{y:.1f}" r="8"/>'
        right = x > (LEFT + WIDTH) / 2
        side, at = ("end", x - 11) if right else ("", x + 11)
        below = min(y + 16, HEIGHT - BOTTOM - 3) if y > TOP + 14 else y + 18
        label = f'<text class="{side}" x="{at:.1f}" y="{below:.1f}" style="fill:var(--ink)">{escape(one.name)}</text>'
    return (
        f'<g class="m-{style}"><title>{escape(told)}</title>{ring}'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{4.5 if one.front else 3.5}"/>{label}</g>'
    )
