"""Quality against what it costs: which models no other beats in both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from distill_rec.evaluation.columns import model_class
from distill_rec.evaluation.results import Results
from distill_rec.evaluation.scales import Scale, mark
from distill_rec.evaluation.svg import RIGHT, WIDTH, Point, figure, ticks, upright

COSTS = {
    "p50_ms": ("milliseconds to rank the candidates (median)", 1.0),
    "disk_bytes": ("megabytes on disk", 1e6),
    "private_bytes": ("megabytes of private memory while serving", 1e6),
}
"""Costs that quality is drawn against: the axis's title, and what a value is divided by."""

HEIGHT, BOTTOM, LEFT, TOP = 260, 48, 52, 14
LETTER, LINE = 6.4, 13.0
"""Width and height of a letter of a label, in user units."""


@dataclass(frozen=True)
class Priced:
    """A model with its cost; the lower the better."""

    point: Point
    cost: float


def priced(results: Results, cost: str) -> list[Priced]:
    """Models whose cost was measured, the cheapest first, with their main metric on the test."""
    divisor, cells = COSTS[cost][1], results.test.cells[results.main_metric]
    found = [
        Priced(Point(name, name, cells[name].mean, cells[name].low, cells[name].high), value / divisor)
        for name in results.models
        if name in results.costs and name in cells and (value := getattr(results.costs[name], cost))
    ]
    return sorted(found, key=lambda one: (one.cost, -one.point.value))


def front(models: Iterable[Priced]) -> list[Priced]:
    """Those that no cheaper one equals in quality; the cheapest first."""
    out: list[Priced] = []
    for one in sorted(models, key=lambda one: (one.cost, -one.point.value)):
        if not out or one.point.value > out[-1].point.value:
            out.append(one)
    return out


def pareto(results: Results, cost: str) -> str:
    """Quality with its interval over a cost by powers of ten; the front is a line. "" for fewer than two models."""
    models = priced(results, cost)
    if len(models) < 2:
        return ""
    x = Scale.over([one.cost for one in models], LEFT, WIDTH - RIGHT)
    marks = ticks(*_span([value for one in models for value in (one.point.low, one.point.high)]))

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (value - marks[0]) / (marks[-1] - marks[0]) * (HEIGHT - BOTTOM - TOP)

    places = [(x.at(one.cost), y(one.point.value)) for one in models]
    body = upright(marks, y, LEFT)
    body += [f'<text class="tick" x="{x.at(v):.1f}" y="{HEIGHT - 30}">{mark(v)}</text>' for v in x.marks()]
    body.append(f'<text class="tick" x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 10}">{COSTS[cost][0]}</text>')
    body.append(_steps([(x.at(one.cost), y(one.point.value)) for one in front(models)]))
    for one, (across, down), label in zip(models, places, _labels(models, places), strict=True):
        p = one.point
        body.append(
            f'<g class="{model_class(p.model)}"><title>{escape(p.label)}: {p.value:.4f} ({p.low:.4f} to {p.high:.4f}) '
            f'at {one.cost:.4g}</title><line class="whisker" x1="{across:.1f}" x2="{across:.1f}" y1="{y(p.low):.1f}" '
            f'y2="{y(p.high):.1f}"/><circle cx="{across:.1f}" cy="{down:.1f}" r="4.5"/>{label}</g>'
        )
    return figure(f"{results.metrics[results.main_metric]}, by {COSTS[cost][0]}", HEIGHT, body)


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.01, high + 0.01)


def _steps(places: Sequence[tuple[float, float]]) -> str:
    """What can be had for at most so much: flat until the next model of the front."""
    corners = [places[0]]
    for across, down in places[1:]:
        corners += [(across, corners[-1][1]), (across, down)]
    points = " ".join(f"{across:.1f},{down:.1f}" for across, down in corners)
    return f'<polyline class="front" points="{points}"/>'


Box = tuple[float, float, float, float]


def _labels(models: Sequence[Priced], places: Sequence[tuple[float, float]]) -> list[str]:
    """A name beside each point, where it covers no other name and no point."""
    taken: list[Box] = [(across - 5, down - 5, across + 5, down + 5) for across, down in places]
    out = []
    for one, (across, down) in zip(models, places, strict=True):
        wide = LETTER * len(one.point.label)
        spots = [(across + 8, down + 4), (across - 8 - wide, down + 4)]
        middle = min(max(across - wide / 2, LEFT), WIDTH - wide)
        spots += [(middle, down + way) for way in (-10, 20, -24, 34)]
        boxes = [(left, base - LINE + 3, left + wide, base + 3) for left, base in spots]
        free = [place for place, box in enumerate(boxes) if _inside(box) and not any(_meet(box, b) for b in taken)]
        best = free[0] if free else next((n for n, box in enumerate(boxes) if _inside(box)), 0)
        taken.append(boxes[best])
        left, base = spots[best]
        out.append(f'<text x="{left:.1f}" y="{base:.1f}" class="label">{escape(one.point.label)}</text>')
    return out


def _inside(box: Box) -> bool:
    return box[0] >= LEFT and box[2] <= WIDTH and box[1] >= 0 and box[3] <= HEIGHT - BOTTOM


def _meet(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
