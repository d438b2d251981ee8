"""Plots of a study, as SVG in the page's colours."""

from __future__ import annotations

from html import escape

from distill_rec.bench.plots import colour
from distill_rec.evaluation.svg import RIGHT, WIDTH, Point, figure, intervals, number, ticks
from distill_rec.study.equal import band
from distill_rec.study.records import Curve, StudyRecord

HEIGHT, BOTTOM, LEFT, TOP = 260, 48, 48, 10


def quality_plot(study: StudyRecord) -> str:
    """Where rows and baselines stand on the test."""
    points = [
        Point(base.name, "popularity", cell.mean, cell.low, cell.high)
        for base in study.baselines
        for cell in [base.quality[study.main_metric]]
    ]
    for place, row in enumerate(study.rows):
        if row.quality is not None:
            cell = row.quality[study.main_metric]
            points.append(Point(row.name, colour(place), cell.mean, cell.low, cell.high))
    return intervals(points, f"{study.metrics[study.main_metric]} on the test")


def difference_plot(study: StudyRecord) -> str:
    """How far rows are from the head; "" where there is none to compare with."""
    points = [
        Point(row.name, colour(place), row.against_head.value, row.against_head.low, row.against_head.high)
        for place, row in enumerate(study.rows)
        if row.against_head is not None
    ]
    return intervals(points, f"{study.metrics[study.main_metric]} less that of head", zero=True) if points else ""


def curve_plot(study: StudyRecord) -> str:
    """Validation nDCG@10 by seconds: the mean over seeds, and a band from the lowest to the highest seed."""
    rows = {place: row for place, row in enumerate(study.rows) if row.trained}
    curves = {place: [one.curve for one in row.trained] for place, row in rows.items()}
    points = [point for found in curves.values() for curve in found for point in curve]
    if not points or max(at for at, _ in points) <= 0:
        return ""
    values = [value for _, value in points]
    plot = Axes(max(at for at, _ in points), min(values), max(values))
    body = [*plot.marks("seconds of training, the head’s warm-up in them"), *plot.upright(study.equal_seconds)]
    for place, found in curves.items():
        body.append(plot.band(found, study.rows[place].name, colour(place), dashed=place >= 7))
    return figure("validation nDCG@10", HEIGHT, body)


class Axes:
    """From values across, which begin at zero, and values up to places on the plot."""

    def __init__(self, most: float, low: float, high: float) -> None:
        self.across = ticks(0, most)
        self.up = ticks(low, high if high > low else low + 0.01)

    def x(self, value: float) -> float:
        return LEFT + value / self.across[-1] * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        share = (value - self.up[0]) / (self.up[-1] - self.up[0])
        return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)

    def marks(self, axis: str) -> list[str]:
        body = [
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{self.y(mark):.1f}" y2="{self.y(mark):.1f}"/>'
            f'<text class="tick end" x="{LEFT - 6}" y="{self.y(mark) + 4:.1f}">{number(mark)}</text>'
            for mark in self.up
        ]
        body += [f'<text class="tick" x="{self.x(v):.1f}" y="{HEIGHT - 30}">{number(v)}</text>' for v in self.across]
        body.append(f'<text class="tick" x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 10}">{escape(axis)}</text>')
        return body

    def upright(self, seconds: float | None) -> list[str]:
        """Where values are read at equal seconds."""
        if seconds is None:
            return []
        x = self.x(seconds)
        line = f'<line class="zero" stroke-dasharray="2 3" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}">'
        return [f"{line}<title>equal seconds: {seconds:,.0f}</title></line>"]

    def band(self, curves: list[Curve], name: str, style: str, dashed: bool) -> str:
        at, low, mean, high = band(curves)
        there = [f"{self.x(s):.1f},{self.y(v):.1f}" for s, v in zip(at, high, strict=True)]
        back = [f"{self.x(s):.1f},{self.y(v):.1f}" for s, v in zip(at[::-1], low[::-1], strict=True)]
        line = " ".join(f"{self.x(s):.1f},{self.y(v):.1f}" for s, v in zip(at, mean, strict=True))
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        filled = f'<polygon class="band" points="{" ".join(there + back)}"/>' if len(curves) > 1 else ""
        return (
            f'<g class="m-{style}"><title>{escape(name)}: {len(curves)} seeds, at the end {mean[-1]:.4f}</title>'
            f"{filled}"
            f'<polyline points="{line}"{dash}/></g>'
        )
