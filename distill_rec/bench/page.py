"""The figures as one page that needs no network."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from importlib.resources import files

from distill_rec.bench.plots import colour, curves, spreads
from distill_rec.bench.results import Bench, Case, Measured
from distill_rec.bench.table import HEADER, cells_of, limit_lines, memory_line

PLOTS_OF_ANY_HEIGHT = ".plots { align-items: start; }"
Series = dict[str, list[tuple[float, float]]]


def page_of(bench: Bench) -> str:
    """HTML, with its plots as SVG."""
    student, machine = bench.student, bench.machine
    style = files("distill_rec.evaluation").joinpath("report.css").read_text("utf-8") + PLOTS_OF_ANY_HEIGHT
    facts = [*limit_lines(bench.limits), memory_line(bench.memory)]
    head = (
        f"{student['kind']} student, {student['items']:,} items of {student['dim']} dimensions, on "
        f"{machine['processor']}, {machine['cores']} cores"
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width, initial-scale=1"><title>How quick the student is</title><style>{style}</style>'
        f"</head><body><main><header><h1>How quick the student is</h1><p>{escape(head)}</p></header>"
        f'<ul class="verdicts">{"".join(f"<li class=note>{escape(fact)}</li>" for fact in facts)}</ul>'
        f'<h2>Times</h2>{_plots(bench)}<h2>All figures</h2><div class="scroll">{_table(bench)}</div>'
        f"<footer>Digest {escape(str(student.get('digest', '')))}. Python {escape(machine['python'])}, numpy "
        f"{escape(machine['numpy'])}. Cases took turns in {bench.settings.rounds} rounds; percentiles are over the "
        "calls of all of them. A limit is the best that the machine reached with that alone.</footer>"
        "</main></body></html>\n"
    )


def _table(bench: Bench) -> str:
    order = (1, 0, *range(2, len(HEADER)))  # the page's first column stays in sight
    head = "".join(f"<th>{HEADER[at]}</th>" for at in order)
    rows = [cells_of(one, bench.student["items"]) for one in bench.cases]
    body = "".join("<tr>" + "".join(f"<td>{escape(row[at])}</td>" for at in order) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _plots(bench: Bench) -> str:
    first, own = bench.settings.threads[0], bench.student["items"]
    rows = [
        (one.case.label(own), one.p50_ms, one.p90_ms, one.p99_ms) for one in bench.cases if one.case.threads == first
    ]
    plots = [spreads(rows, f"Milliseconds of a call: p50, p90, p99 ({_threads(first)})")]
    encode = _series(bench, lambda case: case.operation == "encode_items", lambda case: case.batch)
    if any(len(line) > 1 for line in encode.values()):
        plots.append(_with_legend(encode, "New items encoded per second", "items of a call", "items per second"))
    longest = max(bench.settings.histories, default=0)
    for name, title in (("recommend", "alone"), ("recommend_many", "many at once")):
        wanted = (name, longest)
        found = _series(bench, lambda case, w=wanted: (case.operation, case.history) == w, lambda case: case.items)  # type: ignore[misc]
        if any(len(line) > 1 for line in found.values()):
            plots.append(
                _with_legend(found, f"Users per second, {title}", "items of the catalogue", "users per second")
            )
    return f'<div class="plots">{"".join(plots)}</div>'


def _series(bench: Bench, belongs: Callable[[Case], bool], place: Callable[[Case], int]) -> Series:
    """Rates by the size on the axis, one series for each setting of threads, and each batch where that is no axis."""
    chosen = [one for one in bench.cases if belongs(one.case)]
    sizes = {place(one.case) for one in chosen}
    by_batch = len({one.case.batch for one in chosen}) > 1 and sizes != {one.case.batch for one in chosen}
    series: Series = {}
    for one in sorted(chosen, key=lambda one: place(one.case)):
        name = _threads(one.case.threads) + (f", {one.case.batch} users" if by_batch else "")
        series.setdefault(name, []).append(_point(one, place))
    return series


def _point(one: Measured, place: Callable[[Case], int]) -> tuple[float, float]:
    return float(place(one.case)), one.per_second


def _with_legend(series: Series, title: str, across: str, up: str) -> str:
    legend = "".join(
        f'<span class="m-{colour(place)}"><i></i>{escape(name)}</span>' for place, name in enumerate(series)
    )
    plot = curves(series, title, across, up)
    return plot.replace("</figure>", f'<p class="legend">{legend}</p></figure>')


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"
