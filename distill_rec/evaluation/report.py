"""One self-contained page: what was compared, what may be said, figures with intervals, plots, costs, examples."""

from __future__ import annotations

from html import escape
from pathlib import Path

from distill_rec.evaluation.columns import model_class, short_of
from distill_rec.evaluation.numerals import moment, percent, plain
from distill_rec.evaluation.render import ratio_text
from distill_rec.evaluation.report_tables import (
    bounds,
    cost_table,
    difference_table,
    lists_table,
    metric_table,
    models_of,
    share_table,
    slice_table,
)
from distill_rec.evaluation.results import Example, Ratio, Results, Table
from distill_rec.evaluation.svg import Point, groups, intervals, lines
from distill_rec.files import write_text

STYLE = Path(__file__).with_name("report.css")
MARKS = {"good": "\u2713", "bad": "\u2717", "open": "?", "note": "\u2192"}
RATIO_TITLES = {
    "Q": "of the teacher\u2019s {} kept",
    "Q'": "of the teacher\u2019s {} above chance kept",
    "G": "of the gap in {} closed by distillation",
}
OPEN_EXAMPLES = 4
"""More are folded, so that the page stays one that is read to its end."""
SLICED = {"catalogue": ("ndcg@10", "recall@100", "percentile"), "impressions": ("auc", "ndcg@10")}


def write_report(results: Results, folder: Path) -> None:
    """Write the results and `report.html`, of which nothing is fetched from anywhere."""
    results.write(folder)
    write_text(folder / "report.html", page(results))


def page(results: Results) -> str:
    """The whole document."""
    parts = [_header(results), _verdicts(results), _ratios(results.test, results), _figures(results)]
    parts += [
        _shares(results),
        _slices(results),
        _costs(results),
        _curves(results),
        _likeness(results),
        _examples(results),
        _footer(results),
    ]
    style = STYLE.read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>{escape(results.name)}: teacher and student compared</title><style>{style}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _header(results: Results) -> str:
    facts = "".join(f"<li>{escape(name)} <b>{_fact(value)}</b></li>" for name, value in results.data.items())
    return (
        f"<header><p>teacher and student compared</p><h1>{escape(results.name)}</h1>"
        f"<p>{escape(results.grouping)} \u00b7 {escape(moment(results.created))}</p>"
        f'<ul class="facts">{facts}</ul></header>'
    )


def _fact(value: str | int | float) -> str:
    return f"{value:,}" if isinstance(value, int) else percent(value) if isinstance(value, float) else escape(value)


def _verdicts(results: Results) -> str:
    rows = (f'<li class="{v.tone}"><b>{MARKS[v.tone]}</b><span>{escape(v.text)}</span></li>' for v in results.verdicts)
    return f'<ul class="verdicts">{"".join(rows)}</ul>'


def _ratios(table: Table, results: Results) -> str:
    if not table.ratios:
        return ""
    return f'<div class="cards">{"".join(_card(ratio, results) for ratio in table.ratios)}</div>'


def _card(ratio: Ratio, results: Results) -> str:
    metric = results.metrics[ratio.metric]
    title = f"<small>{ratio.name} \u00b7 {escape(metric)}</small>"
    if ratio.value is None:
        return f'<div class="card">{title}<b>\u2013</b><small>{escape(ratio.reason)}</small></div>'
    what = RATIO_TITLES[ratio.name].format(metric)
    low, high = (plain(ratio.value if bound is None else bound, 3) for bound in (ratio.low, ratio.high))
    span = f"{low} to {high}"
    value = f"<b>{plain(ratio.value, 3)}</b>"
    return f'<div class="card">{title}{value}<small>{span}</small><small>{escape(what)}</small></div>'


def _figures(results: Results) -> str:
    out = []
    for place, table in enumerate(results.tables):
        out.append(f"<h2>{escape(table.title[:1].upper() + table.title[1:])}</h2>")
        out.append(
            f'<p class="soft">Means over {table.users:,} users with 95 % intervals (paired bootstrap, '
            f"{results.resamples:,} resamples); \u201cby sample\u201d is the mean over {table.samples:,} samples.</p>"
        )
        out.append(metric_table(results, table))
        out.append(f"<h3>{'Plots' if place else 'Where the models stand'}</h3>{_plots(results, table)}")
        if table.differences:
            out.append(f"<h3>Paired differences</h3>{difference_table(results, table)}")
        if place and table.ratios:
            text = "; ".join(ratio_text(ratio, results.metrics) for ratio in table.ratios)
            out.append(f'<p class="soft">{escape(text)}</p>')
    return "".join(out)


def _plots(results: Results, table: Table) -> str:
    plots = []
    for metric, cells in table.cells.items():
        models = models_of(results, table)
        points = [Point(m, m, cells[m].mean, cells[m].low, cells[m].high) for m in models]
        plots.append(intervals(points, results.metrics[metric]))
    points = [
        Point(f"{d.first} \u2212 {short_of(d.second)}", d.first, d.value, d.low, d.high)
        for d in table.differences
        if d.metric == results.main_metric
    ]
    if points:
        plots.append(intervals(points, f"differences in {results.metrics[results.main_metric]}", zero=True))
    return f'<div class="plots">{"".join(plots)}</div>'


def _shares(results: Results) -> str:
    if not results.shares:
        return ""
    return (
        "<h2>What each teacher gives</h2>"
        '<p class="soft">Their scores are added with these weights, which validation data gave unless the recipe '
        f"does.</p>{share_table(results)}"
    )


def _legend(models: list[str]) -> str:
    names = "".join(f'<span class="{model_class(name)}"><i></i>{escape(name)}</span>' for name in models)
    return f'<div class="legend">{names}</div>'


def _slices(results: Results) -> str:
    if not results.slices:
        return ""
    names, models = [bounds(table) for table in results.slices], models_of(results, results.slices[0])
    out = ["<h2>By training clicks of the target</h2>"]
    out.append(
        '<p class="soft">Rarely clicked targets are where an encoder must help: for them recall@10 is near zero for '
        "everyone, so recall@100 and the rank percentile are shown too.</p>"
        if results.protocol == "catalogue"
        else '<p class="soft">The mean training clicks of an impression\u2019s clicked candidates.</p>'
    )
    plots = []
    for metric in SLICED[results.protocol]:
        series = {
            m: [Point(m, m, *_triple(table, metric, m)) for table in results.slices if m in table.cells[metric]]
            for m in models
        }
        plots.append(groups(names, series, results.metrics[metric], "training clicks of the target"))
    out.append(f'{_legend(models)}<div class="plots">{"".join(plots)}</div>')
    out += [
        f"<h3>{escape(results.metrics[metric])}</h3>{slice_table(results, metric)}"
        for metric in SLICED[results.protocol]
    ]
    return "".join(out)


def _triple(table: Table, metric: str, model: str) -> tuple[float, float, float]:
    cell = table.cells[metric][model]
    return cell.mean, cell.low, cell.high


def _costs(results: Results) -> str:
    if not results.costs:
        return ""
    first = next(iter(results.costs.values()))
    return (
        f"<h2>What serving costs</h2>{cost_table(results.costs)}"
        f'<p class="soft">Each model alone in a process of one thread; a request ranks {first.candidates} candidates '
        f"for a history of {first.history} clicks. The teacher\u2019s requests are ranked with cached item vectors, so "
        "at request time it is not slow: what a student saves is encoding new items, memory, and the PLM in the "
        "service.</p>"
    )


def _curves(results: Results) -> str:
    curves = {name: line for name, line in results.curves.items() if line}
    if not curves:
        return ""
    plots = "".join(lines({name: line}, f"{name}", "updates") for name, line in curves.items())
    return f'<h2>Training: validation nDCG@10</h2><div class="plots">{plots}</div>'


def _likeness(results: Results) -> str:
    out = []
    if results.agreement is not None:
        a = results.agreement
        out.append(
            f"<p>Teacher and student share {percent(a.overlap)} of their top 10; Kendall\u2019s \u03c4 over the "
            f"teacher\u2019s top 100 is {a.kendall:.3f} ({a.users:,} users).</p>"
        )
    if results.lists:
        out.append(lists_table(results.lists))
    return f"<h2>Top 10 lists</h2>{''.join(out)}" if out else ""


def _examples(results: Results) -> str:
    if not results.examples:
        return ""
    return (
        "<h2>Where teacher and student differ most</h2>"
        '<p class="soft">Titles that both list are pale; the target is underlined.</p>'
        + "".join(_example(example) for example in results.examples[:OPEN_EXAMPLES])
        + _folded(results.examples[OPEN_EXAMPLES:])
    )


def _folded(examples: list[Example]) -> str:
    if not examples:
        return ""
    inside = "".join(_example(example) for example in examples)
    return f"<details><summary>{len(examples)} more</summary>{inside}</details>"


def _example(example: Example) -> str:
    history = " \u00b7 ".join(escape(title) for title in example.history) or "no history"
    ranks = ""
    if example.teacher_rank is not None and example.student_rank is not None:
        ranks = f" (teacher\u2019s rank {example.teacher_rank:g}, student\u2019s {example.student_rank:g})"
    target = f"<br/>then clicked <b>{escape(example.target)}</b>{ranks}" if example.target else ""
    lists = _list("teacher", example.teacher, example.student, example.target)
    lists += _list("student", example.student, example.teacher, example.target)
    shared = f"<small>user {escape(example.user)}, {percent(example.overlap, 0)} of the lists shared</small>"
    return f'<div class="example"><p>{shared}<br/>{history}{target}</p><div class="lists">{lists}</div></div>'


def _list(model: str, titles: list[str], other: list[str], target: str) -> str:
    rows = []
    for title in titles:
        kinds = " ".join(name for name, holds in (("both", title in other), ("hit", title == target)) if holds)
        rows.append(f'<li class="{kinds}">{escape(title)}</li>')
    return f'<div class="{model_class(model)}"><h4>{model}</h4><ol>{"".join(rows)}</ol></div>'


def _footer(results: Results) -> str:
    seeds = ", ".join(f"{name} {count}" for name, count in results.seeds.items())
    names = {"catalogue": "MRR is of the one target.", "impressions": "Two MRRs are shown, each by its name."}
    return (
        "<footer><p>Tied scores get the metric expected over the order of the tie. nDCG has the full ideal list. "
        f"{names[results.protocol]} Q is student / teacher; Q\u2032 is the same above chance; G is (student \u2212 "
        "undistilled) / (teacher \u2212 undistilled), not defined when the gap cannot be told from 0. "
        "An interval that includes 0 claims nothing.</p>"
        f"<p>Seeds: {escape(seeds)}. Values are averaged over seeds before users are drawn.</p></footer>"
    )
