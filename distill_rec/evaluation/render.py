"""A comparison as tables on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table as Sheet

from distill_rec.evaluation.beyond_tables import calibration_sheet, print_agreement, print_lists, print_slicing
from distill_rec.evaluation.model_sheet import print_models
from distill_rec.evaluation.numerals import signed
from distill_rec.evaluation.results import AtLevel, Cell, Difference, ModelCost, Ratio, Results, Table
from distill_rec.evaluation.retention import shown_ratios
from distill_rec.evaluation.words import half_text
from distill_rec.terminal import print_table

TONES = {"good": "green", "bad": "red", "open": "yellow", "note": "cyan"}


def render(results: Results, console: Console) -> None:
    """Print every table, slices, lists and agreement, the ratios, what serving costs, and the verdicts."""
    for table in results.tables:
        _print_metrics(results, table, console)
    for slicing in results.slicings:
        if slicing.slices:
            print_slicing(results, slicing, console)
    if results.lists:
        print_lists(results, console)
    for table in results.agreements:
        print_agreement(results, table, console)
    for model, found in results.calibrations.items():
        print_table(console, calibration_sheet(model, found))
    if results.shares:
        print_table(console, _share_sheet(results))
    if results.new_levels:
        print_table(console, _level_sheet(results))
    if results.costs:
        _print_costs(results.costs, console)
    for ratio in shown_ratios(results, results.test):
        console.print(f"  {ratio_text(ratio, results.metrics)}", highlight=False)
    for verdict in results.verdicts:
        console.print(f"  {verdict.text}", style=TONES[verdict.tone], highlight=False, markup=False)


def span_of(found: Difference) -> str:
    """`+0.0040 (+0.0028 to +0.0052)`."""
    return f"{signed(found.value)} ({signed(found.low)} to {signed(found.high)})"


def ratio_text(ratio: Ratio, metrics: dict[str, str]) -> str:
    """`Q on nDCG@10 = 0.98 (0.96 to 1.01)`, or why it has no value."""
    whose = "" if ratio.model == "student" else f" of {ratio.model}"
    name = f"{ratio.name}{whose} on {metrics.get(ratio.metric, ratio.metric)}"
    if ratio.value is None:
        return f"{name}: {ratio.reason}"
    return f"{name} = {ratio.value:.3f} ({ratio.low:.3f} to {ratio.high:.3f})"


def _print_metrics(results: Results, table: Table, console: Console) -> None:
    grouping = results.grouping.replace(", seen items left out", "") if table.key == "test-all" else results.grouping
    title = f"{table.title}: means over {table.users:,} users ± half the 95 % interval ({grouping})"
    models = [model for model in results.models if model in next(iter(table.cells.values()))]
    rows = {model: [_with_half(cells[model]) for cells in table.cells.values()] for model in models}
    left_out = "; ".join(f"left out: {count:,} samples {why}" for why, count in table.left_out.items())
    print_models(console, title, [results.metrics[metric] for metric in table.cells], rows, left_out)


def _with_half(cell: Cell) -> tuple[str, str]:
    return f"{cell.mean:.4f}", half_text(cell.low, cell.high)


def _share_sheet(results: Results) -> Sheet:
    metric = results.main_metric
    sheet = Sheet(title="what each teacher gives to their sum", title_justify="left")
    for name in ("teacher", "weight", f"{results.metrics[metric]} alone", "sum less the sum without it"):
        sheet.add_column(name, justify="left" if name == "teacher" else "right")
    for share in results.shares:
        alone = results.test.cells[metric][share.name].mean
        sheet.add_row(share.name, f"{share.weight:.3g}", f"{alone:.4f}", span_of(share.gain) if share.gain else "-")
    return sheet


def _level_sheet(results: Results) -> Sheet:
    sheet = Sheet(title="the student, by how high new items stand", title_justify="left")
    for name in LEVEL_COLUMNS:
        sheet.add_column(name, justify="right")
    for one in results.new_levels:
        sheet.add_row(level_text(one), f"{one.new:.4f}", f"{one.known:.4f}")
    return sheet


LEVEL_COLUMNS = ("new_level", "new items among all, recall@100", "other targets, nDCG@10")


def level_text(one: AtLevel) -> str:
    return f"{one.level:g}" + (" (this student)" if one.own else "")


COST_ROWS = (
    ("parameters", "parameters", "parameters"),
    ("on disk", "disk_bytes", "on disk"),
    ("private memory of a serving process", "private_bytes", "private memory"),
    ("mapped memory", "mapped_bytes", "mapped memory"),
    ("new items encoded per second", "items_per_second", "new items per second"),
    ("rank 100 candidates, p50 ms", "p50_ms", "request p50 ms"),
    ("rank 100 candidates, p99 ms", "p99_ms", "request p99 ms"),
)
"""What a row says, the key, and what a terminal's column says."""


def cost_cell(cost: ModelCost, key: str) -> str:
    """A figure with its unit, or that it was not measured."""
    value = getattr(cost, key)
    if value is None:
        return "not measured"
    if key.endswith("_bytes"):
        return f"{value / 1e6:,.1f} MB"
    if key.endswith("_ms"):
        return f"{value:.3f}"
    return f"{value:,.0f}"


def _print_costs(costs: dict[str, ModelCost], console: Console) -> None:
    rows = {
        model: [("-" if getattr(cost, key) is None else cost_cell(cost, key), "") for _, key, _ in COST_ROWS]
        for model, cost in costs.items()
    }
    lacking = any(cell == ("-", "") for cells in rows.values() for cell in cells)
    caption = "-: not measured; " if lacking else ""
    caption += "requests rank cached item vectors, the teacher's too: a student saves encoding and memory"
    print_models(console, "what serving costs (one thread)", [short for *_, short in COST_ROWS], rows, caption)
