"""What stands in the tables of lists, agreement and slices, on the page and on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table as Sheet

from distill_rec.evaluation.alike import AGREEMENT
from distill_rec.evaluation.kinds_told import compared, shared
from distill_rec.evaluation.lists import LISTS
from distill_rec.evaluation.numerals import percent, plain, signed
from distill_rec.evaluation.results import Calibration, Difference, Lists, Results, Slicing, Table

DECIMALS = {"novelty": 2, "diversity": 3, "popularity_lift": 2}
MOST_ROWS = 12
"""Slices that a terminal shows, the student's worst ones."""


def list_cell(found: Lists, key: str) -> tuple[str, str]:
    """A property of lists and its interval ("" without one)."""
    value = getattr(found, key)
    if value is None:
        return "not defined", ""
    if key == "coverage":
        return percent(value), ""
    span = found.intervals.get(key)
    told = f"{plain(span[0], DECIMALS[key])} to {plain(span[1], DECIMALS[key])}" if span else ""
    return plain(value, DECIMALS[key]), told


def list_titles(results: Results) -> dict[str, str]:
    """Properties of which there are differences."""
    return {key: LISTS[key].title for key in dict.fromkeys(found.metric for found in results.list_differences)}


def differences_by_pair(found: Sequence[Difference]) -> list[tuple[tuple[str, str], dict[str, Difference]]]:
    """Each pair of models with its differences by metric."""
    out: dict[tuple[str, str], dict[str, Difference]] = {}
    for one in found:
        out.setdefault((one.first, one.second), {})[one.metric] = one
    return list(out.items())


def agreeing(results: Results, table: Table) -> list[str]:
    """Columns of a table of agreement: a measure may be undefined for one of them."""
    return [model for model in results.models if any(model in cells for cells in table.cells.values())]


def agreement_title(title: str) -> str:
    """`over the catalogue`, of a table's title, as a heading."""
    rest = title.removeprefix("agreement with the teacher ")
    return rest[:1].upper() + rest[1:]


def list_sheet(results: Results) -> Sheet:
    """Properties of every model's lists."""
    users = max(found.users for found in results.lists.values())
    sheet = _sheet(f"top 10 lists of {users:,} users (95 % interval)" if users else "top 10 lists", results.lists)
    for key, about in LISTS.items():
        cells = (list_cell(found, key) for found in results.lists.values())
        sheet.add_row(about.title, *(f"{told} ({span})" if span else told for told, span in cells))
    return sheet


def agreement_sheet(results: Results, table: Table) -> Sheet:
    """Every measure of agreement."""
    models = agreeing(results, table)
    sheet = _sheet(f"{table.title}: {table.users:,} users (95 % interval)", models)
    for key, about in AGREEMENT.items():
        cells = table.cells.get(key, {})
        told = (
            f"{plain(c.mean, 3)} ({plain(c.low, 3)} to {plain(c.high, 3)})" if (c := cells.get(model)) else "-"
            for model in models
        )
        sheet.add_row(about.title, *told)
    return sheet


def slicing_sheet(results: Results, slicing: Slicing) -> Sheet:
    """Student against teacher by slice, the student's worst first; every model where they cannot be compared."""
    title = f"{results.metrics[results.main_metric]} by {slicing.by}"
    rows = compared(slicing, results.main_metric)
    if not rows:
        return _every_model(results, slicing, title)
    names = ("n", "share", "student", "teacher", "student less teacher", "of all")
    whole = f"of all: part of how the means over {shared(results)} differ"
    sheet = _sheet(f"{title}: the student's worst first; * told from zero among {len(rows)}; {whole}", names)
    for row in rows[:MOST_ROWS]:
        cells, found = row.slice.table.cells[results.main_metric], row.difference
        apart = f"{signed(found.value)} ({signed(found.low)} to {signed(found.high)}){'*' if row.clear else ''}"
        models = (f"{cells[model].mean:.4f}" for model in ("student", "teacher"))
        share = percent(row.slice.share).replace("\u00a0", "")
        sheet.add_row(row.slice.name, f"{row.slice.table.samples:,}", share, *models, apart, signed(row.weight))
    if len(rows) > MOST_ROWS:
        sheet.caption = f"{len(rows) - MOST_ROWS} more in the report"
    return sheet


def calibration_sheet(model: str, found: Calibration) -> Sheet:
    """Predicted beside clicked, bin by bin."""
    sheet = _sheet(f"calibration of {model}: expected error {found.error:.4f}", ("clicked", "candidates"))
    for one in found.bins:
        span = f"{one.clicked:.4f} ({one.low:.4f} to {one.high:.4f})"
        sheet.add_row(f"{one.predicted:.4f} predicted", span, f"{one.candidates:,}")
    return sheet


def _every_model(results: Results, slicing: Slicing, title: str) -> Sheet:
    sheet = _sheet(title, ("n", *results.models))
    for one in slicing.slices[:MOST_ROWS]:
        cells = one.table.cells[results.main_metric]
        means = (f"{cells[model].mean:.4f}" if model in cells else "-" for model in results.models)
        sheet.add_row(one.name, f"{one.table.samples:,}", *means)
    return sheet


def _sheet(title: str, columns: Sequence[str] | dict[str, Lists]) -> Sheet:
    sheet = Sheet(title=title, title_justify="left")
    sheet.add_column("")
    for name in columns:
        sheet.add_column(name, justify="right")
    return sheet
