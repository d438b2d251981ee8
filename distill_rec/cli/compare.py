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

TEMPLATES = Path(__file__).with_name("templates")


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


def _print(rows: list[dict[str, Any]]) -> None:
    """A table for each part of the test; parts of different tests are told apart by their samples."""
    from distill_rec.evaluation.model_sheet import print_models

    columns = _columns(rows)
    for part, samples in dict.fromkeys((row["part"], row["samples"]) for row in rows):
        found = [row for row in rows if (row["part"], row["samples"]) == (part, samples)]
        cells = {f"{row['run']}: {row['model']}": [_told(row, name) for name in columns] for row in found}
        title = f"{part} (n={samples:,}): means over users ± half the 95 % interval"
        print_models(make_console(), title, columns, cells)


def _told(row: dict[str, Any], column: str) -> tuple[str, str]:
    from distill_rec.evaluation.words import half_text

    found = row["metrics"].get(column)
    return (f"{found['mean']:.4f}", half_text(found["low"], found["high"])) if found else ("-", "")


def _write(rows: list[dict[str, Any]], path: Path) -> None:
    """One HTML page with everything inside; a bar under each value is its share of the column's best."""
    from distill_rec.files import write_text
    from distill_rec.pages import pages_in

    columns = _columns(rows)
    best = {c: max(row["metrics"][c]["mean"] for row in rows if c in row["metrics"]) or 1.0 for c in columns}

    def share(cell: dict[str, float], column: str) -> str:
        return f"{100 * max(0.0, min(1.0, cell['mean'] / best[column])):.0f}"

    template = pages_in(TEMPLATES, share=share).get_template("comparison.html")
    write_text(path, template.render(columns=columns, rows=rows))
