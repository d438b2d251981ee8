"""Plots as inline SVG: plain markup, colours by class so that they follow the page's light or dark theme."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape

from distill_rec.evaluation.columns import model_class

WIDTH = 340
"""Of every plot, in user units: one column on a phone, so that text keeps its size."""

RIGHT = 20
LONGEST = 24
"""Letters of a label; the whole is in its title."""


@dataclass(frozen=True)
class Point:
    """A value with its interval, drawn in the colour of `model`."""

    label: str
    model: str
    value: float
    low: float
    high: float


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Round numbers that span `low..high`; about `count` of them."""
    span = (high - low) or abs(high) or 1.0
    raw = span / count
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= raw * 0.999)
    # a value that is off a mark by rounding alone needs no further mark
    first, last = math.floor(low / step + 1e-6), math.ceil(high / step - 1e-6)
    return [round(i * step, 12) for i in range(first, last + 1)]


def number(value: float) -> str:
    """Short, for an axis."""
    return f"{value:.4g}".replace("-", "\u2212")


def intervals(points: Sequence[Point], title: str, *, zero: bool = False) -> str:
    """Dots with whiskers, one row per point; `zero` draws the line that a difference must not touch."""
    marks = ticks(*_bounds([x for p in points for x in (p.low, p.high)], zero))
    height, row = 34 + 24 * len(points), 24
    names = [p.label if len(p.label) <= LONGEST else f"{p.label[: LONGEST - 1]}\u2026" for p in points]
    left = 18 + 6.6 * max(map(len, names))

    def x(value: float) -> float:
        return left + (value - marks[0]) / (marks[-1] - marks[0]) * (WIDTH - left - RIGHT)

    body = [
        f'<line class="{"zero" if zero and mark == 0 else "grid"}" x1="{x(mark):.1f}" x2="{x(mark):.1f}" y1="6" '
        f'y2="{height - 24}"/><text class="tick" x="{x(mark):.1f}" y="{height - 8}">{number(mark)}</text>'
        for mark in marks
    ]
    for place, (name, p) in enumerate(zip(names, points, strict=True)):
        y = 18 + row * place
        body.append(
            f'<g class="{model_class(p.model)}"><title>{escape(p.label)}: {p.value:.4f} ({p.low:.4f} to {p.high:.4f})'
            f'</title><text class="name" x="{left - 10:.1f}" y="{y + 4}">{escape(name)}</text>'
            f'<line class="whisker" x1="{x(p.low):.1f}" x2="{x(p.high):.1f}" y1="{y}" y2="{y}"/>'
            f'<circle cx="{x(p.value):.1f}" cy="{y}" r="4.5"/></g>'
        )
    return figure(title, height, body)


def groups(
    names: Sequence[str], series: dict[str, list[Point]], title: str, axis: str, level: float | None = None
) -> str:
    """Dots with whiskers over groups: `series[model][i]` belongs to `names[i]`.

    Args:
        level: a value that gets a line of its own.
    """
    height, bottom, left = 220, 48, 44
    levels = [] if level is None else [level]
    marks = ticks(*_bounds([x for points in series.values() for p in points for x in (p.low, p.high)] + levels, False))
    band = (WIDTH - left - RIGHT) / max(len(names), 1)

    def y(value: float) -> float:
        return height - bottom - (value - marks[0]) / (marks[-1] - marks[0]) * (height - bottom - 10)

    body = upright(marks, y, left)
    for v in levels:
        body.append(f'<line class="zero" x1="{left}" x2="{WIDTH - RIGHT}" y1="{y(v):.1f}" y2="{y(v):.1f}"/>')
    for i, name in enumerate(n.replace(" to ", "\u2013") for n in names):
        body.append(f'<text class="tick" x="{left + band * (i + 0.5):.1f}" y="{height - 30}">{escape(name)}</text>')
    body.append(f'<text class="tick" x="{(left + WIDTH - RIGHT) / 2:.0f}" y="{height - 10}">{escape(axis)}</text>')
    step = band * 0.7 / max(len(series), 1)
    for place, (model, points) in enumerate(series.items()):
        shift = (place - (len(series) - 1) / 2) * step
        for i, p in enumerate(points):
            x = left + band * (i + 0.5) + shift
            body.append(
                f'<g class="{model_class(model)}"><title>{escape(model)}, {escape(names[i])}: {p.value:.4f} '
                f'({p.low:.4f} to {p.high:.4f})</title><line class="whisker" x1="{x:.1f}" x2="{x:.1f}" '
                f'y1="{y(p.low):.1f}" y2="{y(p.high):.1f}"/><circle cx="{x:.1f}" cy="{y(p.value):.1f}" r="3.6"/></g>'
            )
    return figure(title, height, body)


def lines(series: dict[str, list[tuple[float, float]]], title: str, axis: str, *, best: bool = True) -> str:
    """One line per model.

    Args:
        best: mark the highest point of each.
    """
    height, bottom, left = 220, 48, 44
    points = [point for line in series.values() for point in line]
    marks = ticks(*_bounds([y for _, y in points], False))
    across = ticks(0, max(x for x, _ in points) or 1, 4)  # a model that was not trained has a point at 0 alone

    def y(value: float) -> float:
        return height - bottom - (value - marks[0]) / (marks[-1] - marks[0]) * (height - bottom - 10)

    def x(value: float) -> float:
        return left + value / across[-1] * (WIDTH - left - RIGHT)

    body = upright(marks, y, left)
    body += [f'<text class="tick" x="{x(v):.1f}" y="{height - 30}">{number(v)}</text>' for v in across]
    body.append(f'<text class="tick" x="{(left + WIDTH - RIGHT) / 2:.0f}" y="{height - 10}">{escape(axis)}</text>')
    for model, line in series.items():
        path = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in line)
        a, b = max(line, key=lambda point: point[1]) if best else line[-1]
        told = f"{'best' if best else 'last'} {b:.4f} at {a:g}"
        dot = f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="4"/>' if best or len(line) == 1 else ""
        body.append(
            f'<g class="{model_class(model)}"><title>{escape(model)}: {told}</title>'
            f'<polyline points="{path}"/>{dot}</g>'
        )
    return figure(title, height, body)


def _bounds(values: Sequence[float], zero: bool) -> tuple[float, float]:
    low, high = min(values), max(values)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        low, high = low - (abs(low) or 1.0) / 10, high + (abs(high) or 1.0) / 10
    return low, high


def upright(marks: list[float], y: Callable[[float], float], left: int) -> list[str]:
    """The lines of an upright axis with their numbers."""
    return [
        f'<line class="grid" x1="{left}" x2="{WIDTH - RIGHT}" y1="{y(mark):.1f}" y2="{y(mark):.1f}"/>'
        f'<text class="tick end" x="{left - 6}" y="{y(mark) + 4:.1f}">{number(mark)}</text>'
        for mark in marks
    ]


def legend(names: Iterable[str]) -> str:
    """Which colour is whose."""
    spans = "".join(f'<span class="{model_class(name)}"><i></i>{escape(name)}</span>' for name in names)
    return f'<div class="legend">{spans}</div>'


def figure(title: str, height: int, body: list[str]) -> str:
    """A plot of `WIDTH` with its title, which a screen reader says too."""
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(title, quote=True)}">{"".join(body)}</svg></figure>'
    )
