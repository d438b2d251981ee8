"""One self-contained page: what was compared, what may be said, figures with intervals, plots, costs, examples."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from distill_rec.evaluation.alike import AGREEMENT
from distill_rec.evaluation.beyond_tables import (
    agreeing,
    agreement_title,
    differences_by_pair,
    list_cell,
    list_spread,
    list_titles,
)
from distill_rec.evaluation.columns import colour_rules, model_class, short_of
from distill_rec.evaluation.document import documents_in, style_with
from distill_rec.evaluation.kinds_told import compared, shared
from distill_rec.evaluation.lists import LISTS
from distill_rec.evaluation.numerals import percent, plain, signed
from distill_rec.evaluation.pareto import COSTS, pareto
from distill_rec.evaluation.render import COST_ROWS, LEVEL_COLUMNS, cost_cell, level_text, ratio_text
from distill_rec.evaluation.report_tables import best_of, models_of, names_of, pairs_of, why_missing
from distill_rec.evaluation.results import Ratio, Results, Slicing, Table
from distill_rec.evaluation.retention import kept, ratio_of, retention, shown_ratios
from distill_rec.evaluation.speeds import span_of
from distill_rec.evaluation.svg import Point, groups, intervals, legend, lines
from distill_rec.files import write_text

HERE = Path(__file__).parent
RATIO_TITLES = {
    "Q": "of the teacher\u2019s {} kept",
    "Q'": "of the teacher\u2019s {} above chance kept",
    "G": "of the gap in {} closed by distillation",
}


def write_report(results: Results, folder: Path) -> None:
    """Write the results and `report.html`, of which nothing is fetched from anywhere."""
    results.write(folder)
    write_text(folder / "report.html", page(results))


def page(results: Results) -> str:
    """The whole document."""
    return _templates().get_template("report.html").render(results=results, style=style_of(results))


def style_of(results: Results) -> str:
    """The page's style with the colours of these models."""
    return style_with(colour_rules(results.models))


def part_of(results: Results, name: str, *given: Any) -> str:
    """One part of the page, which a macro of its name makes.

    Args:
        given: what the macro takes.
    """
    for file in ("choices.html", "examples.html", "beyond.html", "parts.html"):
        if (macro := getattr(_templates().get_template(file).module, name, None)) is not None:
            return str(macro(*given))
    whole = _templates().get_template("report.html").make_module({"results": results, "style": ""})
    return str(getattr(whole, name)(*given))


@cache
def _templates() -> Environment:
    return documents_in(
        HERE / "templates",
        agreeing=agreeing,
        agreement_explained=AGREEMENT.items,
        agreement_title=agreement_title,
        best_of=best_of,
        compared=compared,
        cost_cell=cost_cell,
        cost_rows=lambda: COST_ROWS,
        curve_plots=_curve_plots,
        differences_by_pair=differences_by_pair,
        fact=_fact,
        legend=lambda names: Markup(legend(names)),
        kept_rows=lambda results, slicing: kept(results, slicing, ratio_of(results)),
        level_columns=lambda: LEVEL_COLUMNS,
        level_text=level_text,
        list_cell=list_cell,
        list_spread=list_spread,
        list_titles=list_titles,
        lists_explained=LISTS.items,
        model_class=model_class,
        models_of=models_of,
        names_of=names_of,
        pairs_of=pairs_of,
        pareto_plots=_pareto_plots,
        percent=percent,
        plain=plain,
        plots=_plots,
        ratio_text=ratio_text,
        ratio_title=_ratio_title,
        retention_plot=lambda results, slicing: Markup(retention(results, slicing)),
        several_seeds=lambda results: max(results.seeds.values(), default=1) > 1,
        shared=shared,
        shown_ratios=shown_ratios,
        signed=signed,
        slice_plot=_slice_plot,
        span_of_rounds=span_of,
        why_missing=why_missing,
    )


def _fact(value: str | int | float) -> str:
    return f"{value:,}" if isinstance(value, int) else percent(value) if isinstance(value, float) else value


def _ratio_title(ratio: Ratio, metric: str) -> str:
    return RATIO_TITLES[ratio.name].format(metric)


def _plots(results: Results, table: Table) -> Markup:
    """Where the models stand in each metric, and how far they are apart in the main one."""
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
    return Markup("".join(plots))


def _slice_plot(results: Results, slicing: Slicing, metric: str) -> Markup:
    names, tables = [one.name for one in slicing.slices], [one.table for one in slicing.slices]
    series = {
        m: [Point(m, m, *_triple(table, metric, m)) for table in tables if m in table.cells[metric]]
        for m in models_of(results, tables[0])
    }
    return Markup(groups(names, series, results.metrics[metric], slicing.by))


def _triple(table: Table, metric: str, model: str) -> tuple[float, float, float]:
    cell = table.cells[metric][model]
    return cell.mean, cell.low, cell.high


def _pareto_plots(results: Results) -> Markup:
    return Markup("".join(pareto(results, cost) for cost in COSTS))


def _curve_plots(results: Results) -> Markup:
    """Validation curves of all models in one plot, and the loss of each in its own."""
    curves = {name: line for name, line in results.curves.items() if line}
    plots = [lines(curves, "validation nDCG@10", "updates") + legend(curves)] if curves else []
    for name, line in results.losses.items():
        if line:
            plots.append(lines({name: line}, f"{name}: training loss", "updates", best=False))
    return Markup("".join(f"<div>{plot}</div>" for plot in plots))
