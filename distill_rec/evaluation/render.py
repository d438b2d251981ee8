"""A comparison as tables on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table as Sheet

from distill_rec.evaluation.beyond_tables import agreement_sheet, calibration_sheet, list_sheet, slicing_sheet
from distill_rec.evaluation.numerals import signed
from distill_rec.evaluation.results import Difference, ModelCost, Ratio, Results, Table
from distill_rec.evaluation.retention import shown_ratios
from distill_rec.terminal import print_table

TONES = {"good": "green", "bad": "red", "open": "yellow", "note": "cyan"}


def render(results: Results, console: Console) -> None:
    """Print every table, slices, lists and agreement, the ratios, what serving costs, and the verdicts."""
    for table in results.tables:
        print_table(console, _sheet(results, table))
    for metric in (results.main_metric, "recall@100"):
        if results.slices and metric in results.metrics:
            print_table(console, _slice_sheet(results, metric))
    for slicing in results.slicings:
        if slicing.slices:
            print_table(console, slicing_sheet(results, slicing))
    if results.lists:
        print_table(console, list_sheet(results))
    for table in results.agreements:
        print_table(console, agreement_sheet(results, table))
    for model, found in results.calibrations.items():
        print_table(console, calibration_sheet(model, found))
    if results.shares:
        print_table(console, _share_sheet(results))
    if results.costs:
        print_table(console, _cost_sheet(results.costs))
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


def _sheet(results: Results, table: Table) -> Sheet:
    grouping = results.grouping.replace(", seen items left out", "") if table.key == "test-all" else results.grouping
    title = f"{table.title}: means over {table.users:,} users ± half the 95 % interval ({grouping})"
    sheet = Sheet(title=title, title_justify="left")
    sheet.add_column("metric")
    models = [model for model in results.models if model in next(iter(table.cells.values()))]
    for model in models:
        sheet.add_column(model, justify="right")
    for metric, cells in table.cells.items():
        row = [f"{cells[m].mean:.4f} ±{(cells[m].high - cells[m].low) / 2:.4f}" for m in models]
        sheet.add_row(results.metrics[metric], *row)
    row = [f"{table.cells['ndcg@10'][m].mean_samples:.4f}" for m in models]
    sheet.add_row("nDCG@10, mean over samples", *row, style="dim")
    if table.left_out:
        sheet.caption = "; ".join(f"left out: {count:,} samples {why}" for why, count in table.left_out.items())
    return sheet


def _slice_sheet(results: Results, metric: str) -> Sheet:
    sheet = Sheet(title=f"{results.metrics[metric]} by the target's training clicks", title_justify="left")
    sheet.add_column("training clicks")
    sheet.add_column("n", justify="right")
    for model in results.models:
        sheet.add_column(model, justify="right")
    for table in results.slices:
        cells = table.cells[metric]
        name = table.title.removeprefix("target with ").removesuffix(" training clicks")
        sheet.add_row(name, f"{table.samples:,}", *(f"{cells[model].mean:.4f}" for model in results.models))
    return sheet


def _share_sheet(results: Results) -> Sheet:
    metric = results.main_metric
    sheet = Sheet(title="what each teacher gives to their sum", title_justify="left")
    for name in ("teacher", "weight", f"{results.metrics[metric]} alone", "sum less the sum without it"):
        sheet.add_column(name, justify="left" if name == "teacher" else "right")
    for share in results.shares:
        alone = results.test.cells[metric][share.name].mean
        sheet.add_row(share.name, f"{share.weight:.3g}", f"{alone:.4f}", span_of(share.gain) if share.gain else "-")
    return sheet


COST_ROWS = (
    ("parameters", "parameters"),
    ("on disk", "disk_bytes"),
    ("private memory of a serving process", "private_bytes"),
    ("mapped memory", "mapped_bytes"),
    ("new items encoded per second", "items_per_second"),
    ("rank 100 candidates, p50 ms", "p50_ms"),
    ("rank 100 candidates, p99 ms", "p99_ms"),
)


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


def _cost_sheet(costs: dict[str, ModelCost]) -> Sheet:
    sheet = Sheet(title="what serving costs (one thread)", title_justify="left")
    sheet.add_column("")
    for model in costs:
        sheet.add_column(model, justify="right")
    for title, key in COST_ROWS:
        sheet.add_row(title, *(cost_cell(cost, key) for cost in costs.values()))
    sheet.caption = "requests rank cached item vectors, the teacher's too: a student saves encoding and memory"
    return sheet
