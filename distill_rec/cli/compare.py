"""`distill-rec compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from distill_rec.cli.guard import guarded
from distill_rec.cli.options import JsonOption
from distill_rec.cli.output import make_console, print_json

if TYPE_CHECKING:
    from distill_rec.runs import Run


@guarded
def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="folders of evaluated runs")],
    out: Annotated[Path, typer.Option("--out", help="the page that is written")] = Path("comparison.html"),
    as_json: JsonOption = False,
) -> None:
    """Put runs side by side: a table, and one self-contained page.

    Example: distill-rec compare runs/static runs/transformer --out comparison.html
    """
    from distill_rec.runs import Run

    loaded = {str(path): Run.load(path) for path in runs}
    rows = comparison(loaded)
    if as_json:
        print_json(rows, indent=2)
    else:
        _print(rows)
    _write(rows, out)
    if not as_json:
        print(f"page: {out}")


def comparison(runs: dict[str, Run]) -> list[dict[str, Any]]:
    """One row per run, part and model: means over users with their intervals, by metric.

    Runs on different test data stand side by side all the same; `samples` tells them apart.
    """
    return [
        {
            "run": name,
            "part": part.title,
            "samples": part.samples,
            "model": model,
            "metrics": {
                run.results.metrics[metric]: cells[model].model_dump(include={"mean", "low", "high"})
                for metric, cells in part.cells.items()
                if model in cells
            },
        }
        for name, run in runs.items()
        for part in run.results.tables
        for model in run.results.models
    ]


def _columns(rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(metric for row in rows for metric in row["metrics"]))


def _cells(row: dict[str, Any], columns: list[str]) -> list[str]:
    metrics = row["metrics"]
    return [f"{metrics[c]['mean']:.4f}" if c in metrics else "" for c in columns]


def _print(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    columns = _columns(rows)
    table = Table("run", "part", "model", box=None, header_style="bold")
    for name in columns:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(row["run"], f"{row['part']} (n={row['samples']:,})", row["model"], *_cells(row, columns))
    make_console().print(table)


STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .6rem; border-bottom: 1px solid color-mix(in srgb, currentColor 18%, transparent); }
th { text-align: left; } td.n, th.n { text-align: right; } small { opacity: .65; display: block; }
i { display: block; height: 3px; background: #3b7dd8; border-radius: 2px; margin-left: auto; }
"""


def _write(rows: list[dict[str, Any]], path: Path) -> None:
    """One HTML page with everything inside; a bar under each value is its share of the column's best."""
    from html import escape

    from distill_rec.files import write_text

    columns = _columns(rows)
    best = {c: max(row["metrics"][c]["mean"] for row in rows if c in row["metrics"]) or 1.0 for c in columns}
    head = "".join(f'<th class="n">{escape(c)}</th>' for c in columns)
    body = []
    for row in rows:
        cells = [f"<td>{escape(row['run'])}</td><td>{escape(row['part'])}<small>n = {row['samples']:,}</small></td>"]
        cells.append(f"<td>{escape(row['model'])}</td>")
        for column in columns:
            cell = row["metrics"].get(column)
            cells.append(f'<td class="n">{_html_cell(cell, best[column])}</td>')
        body.append(f"<tr>{''.join(cells)}</tr>")
    write_text(
        path,
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Comparison of runs</title><style>{STYLE}</style>'
        f"<h1>Comparison of runs</h1><p>Means over users; below them the 95 % interval.</p>"
        f"<table><tr><th>run</th><th>part</th><th>model</th>{head}</tr>{''.join(body)}</table></html>\n",
    )


def _html_cell(cell: dict[str, float] | None, best: float) -> str:
    if cell is None:
        return ""
    share = max(0.0, min(1.0, cell["mean"] / best))
    interval = f"<small>{cell['low']:.4f} to {cell['high']:.4f}</small>"
    return f'{cell["mean"]:.4f}{interval}<i style="width:{100 * share:.0f}%"></i>'
