"""Plots of times, on scales of powers of ten: the quickest and the slowest call are thousands apart."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from distill_rec.evaluation.columns import COLUMNS
from distill_rec.evaluation.scales import Scale, mark
from distill_rec.evaluation.svg import RIGHT, WIDTH, figure

COLOURS = tuple(reversed(COLUMNS))
"""The report's colours, by the place of a series."""

LEFT, BOTTOM, HEIGHT, ROW = 52, 48, 240, 24


def curves(series: dict[str, list[tuple[float, float]]], title: str, across: str, up: str) -> str:
    """One line per series, both axes by powers of ten; every value is a dot that tells itself."""
    points = [point for line in series.values() for point in line]
    x = Scale.over([point[0] for point in points], LEFT, WIDTH - RIGHT)
    y = Scale.over([point[1] for point in points], HEIGHT - BOTTOM, 22)
    body = [
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y.at(v):.1f}" y2="{y.at(v):.1f}"/>'
        f'<text class="tick end" x="{LEFT - 6}" y="{y.at(v) + 4:.1f}">{mark(v)}</text>'
        for v in y.marks()
    ]
    body += [f'<text class="tick" x="{x.at(v):.1f}" y="{HEIGHT - 30}">{mark(v)}</text>' for v in x.marks()]
    body.append(f'<text class="tick" x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 10}">{escape(across)}</text>')
    body.append(f'<text x="4" y="12">{escape(up)}</text>')
    for place, (name, line) in enumerate(series.items()):
        path = " ".join(f"{x.at(a):.1f},{y.at(b):.1f}" for a, b in line)
        dots = "".join(
            f'<circle cx="{x.at(a):.1f}" cy="{y.at(b):.1f}" r="3.6"><title>{escape(name)}: {b:.4g} at {a:,.0f}'
            "</title></circle>"
            for a, b in line
        )
        body.append(f'<g class="m-{colour(place)}"><polyline points="{path}"/>{dots}</g>')
    return figure(title, HEIGHT, body)


def spreads(rows: Sequence[tuple[str, float, float, float]], title: str) -> str:
    """Name, p50, p90, p99 in milliseconds: a dot, and a whisker to the 99th percentile."""
    height, name_row = 34 + 2 * ROW * len(rows), 14
    x = Scale.over([value for row in rows for value in row[1:]], 12, WIDTH - RIGHT)
    body = [
        f'<line class="grid" x1="{x.at(v):.1f}" x2="{x.at(v):.1f}" y1="4" y2="{height - 24}"/>'
        f'<text class="tick" x="{x.at(v):.1f}" y="{height - 8}">{mark(v)}</text>'
        for v in x.marks()
    ]
    for place, (name, p50, p90, p99) in enumerate(rows):
        y = name_row + 2 * ROW * place
        body.append(
            f'<g class="m-student"><title>{escape(name)}: p50 {p50:.3g} ms, p90 {p90:.3g} ms, p99 {p99:.3g} ms</title>'
            f'<text x="12" y="{y}" style="fill:var(--ink)">{escape(name)}</text>'
            f'<line class="whisker" x1="{x.at(p50):.1f}" x2="{x.at(p99):.1f}" y1="{y + 12}" y2="{y + 12}"/>'
            f'<circle cx="{x.at(p50):.1f}" cy="{y + 12}" r="4.5"/><circle cx="{x.at(p90):.1f}" cy="{y + 12}" r="2.5"/>'
            f'<circle cx="{x.at(p99):.1f}" cy="{y + 12}" r="2.5"/></g>'
        )
    return figure(title, height, body)


def colour(place: int) -> str:
    return COLOURS[place % len(COLOURS)]
