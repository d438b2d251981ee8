"""What stands in the tables of lists, agreement and slices, on the page and on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table as Sheet

from distill_rec.evaluation.alike import AGREEMENT
from distill_rec.evaluation.kinds_told import compared, shared
from distill_rec.evaluation.lists import LISTS
from distill_rec.evaluation.model_sheet import Told, print_models
from distill_rec.evaluation.numerals import percent, plain, signed
from distill_rec.evaluation.results import Calibration, Cell, Difference, Lists, Results, Slicing, Table
from distill_rec.evaluation.words import half_text

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


def list_spread(found: Lists, key: str) -> str:
    """`± 0.012 over seeds` of a property of lists; "" of one seed."""
    if key not in found.spread:
        return ""
    told = percent(found.spread[key]) if key == "coverage" else plain(found.spread[key], DECIMALS[key])
    return f"± {told} over seeds"


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


def print_lists(results: Results, console: Console) -> None:
    """Properties of every model's lists."""
    users = max(found.users for found in results.lists.values())
    title = f"top 10 lists of {users:,} users ± half the 95 % interval" if users else "top 10 lists"
    rows = {
        model: [(list_cell(found, key)[0], _half(found.intervals.get(key), DECIMALS.get(key))) for key in LISTS]
        for model, found in results.lists.items()
    }
    print_models(console, title, [about.title for about in LISTS.values()], rows)


def print_agreement(results: Results, table: Table, console: Console) -> None:
    """Every measure of agreement."""
    rows = {
        model: [_agreed(table.cells.get(key, {}).get(model)) for key in AGREEMENT] for model in agreeing(results, table)
    }
    title = f"{table.title}: {table.users:,} users ± half the 95 % interval"
    print_models(console, title, [about.title for about in AGREEMENT.values()], rows)


def _agreed(cell: Cell | None) -> Told:
    return ("-", "") if cell is None else (plain(cell.mean, 3), half_text(cell.low, cell.high, 3))


def _half(span: tuple[float, float] | None, decimals: int | None) -> str:
    return "" if span is None else half_text(*span, decimals or 0)


def print_slicing(results: Results, slicing: Slicing, console: Console) -> None:
    """Student against teacher by slice, the student's worst first; every model where they cannot be compared."""
    title = f"{results.metrics[results.main_metric]} by {slicing.by}"
    rows = compared(slicing, results.main_metric)
    if not rows:
        _print_every_model(results, slicing, title, console)
        return
    names = ("student less teacher", "of all", "n", "share", "student", "teacher")
    whole = f"of all: part of how the means over {shared(results)} differ"
    title += f": the student's worst first; ± half the 95 % interval; * told from zero among {len(rows)}; {whole}"
    told: dict[str, list[Told]] = {}
    for row in rows[:MOST_ROWS]:
        cells, found = row.slice.table.cells[results.main_metric], row.difference
        apart = f"{signed(found.value)}{'*' if row.clear else ''}", half_text(found.low, found.high)
        share = percent(row.slice.share).replace("\u00a0", "")
        models = (f"{cells[model].mean:.4f}" for model in ("student", "teacher"))
        rest = (signed(row.weight), f"{row.slice.table.samples:,}", share, *models)
        told[row.slice.name] = [apart, *((cell, "") for cell in rest)]
    more = f"{len(rows) - MOST_ROWS} more in the report" if len(rows) > MOST_ROWS else ""
    print_models(console, title, names, told, more, of="")


def calibration_sheet(model: str, found: Calibration) -> Sheet:
    """Predicted beside clicked, bin by bin."""
    sheet = _sheet(f"calibration of {model}: expected error {found.error:.4f}", ("clicked", "candidates"))
    for one in found.bins:
        span = f"{one.clicked:.4f} ({one.low:.4f} to {one.high:.4f})"
        sheet.add_row(f"{one.predicted:.4f} predicted", span, f"{one.candidates:,}")
    return sheet


def _print_every_model(results: Results, slicing: Slicing, title: str, console: Console) -> None:
    shown = slicing.slices[:MOST_ROWS]
    cells = [one.table.cells[results.main_metric] for one in shown]
    rows = {model: [(f"{one[model].mean:.4f}", "") for one in cells] for model in results.models if model in cells[0]}
    print_models(console, title, [f"{one.name} (n={one.table.samples:,})" for one in shown], rows)


def _sheet(title: str, columns: Sequence[str]) -> Sheet:
    sheet = Sheet(title=title, title_justify="left")
    sheet.add_column("")
    for name in columns:
        sheet.add_column(name, justify="right")
    return sheet
