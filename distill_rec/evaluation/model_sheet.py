"""A row for each model on a terminal: as many intervals as there is room for, and no model's name is cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table as Sheet

from distill_rec.terminal import print_table

Told = tuple[str, str]
"""A figure, and what follows it where there is room ("" for nothing)."""
BETWEEN = 2
"""Blanks between columns."""


def print_models(
    console: Console,
    title: str,
    columns: Sequence[str],
    rows: Mapping[str, Sequence[Told]],
    caption: str = "",
    of: str = "model",
) -> None:
    """Print the figures of every model (or of whatever rows are of).

    From the first column on, figures stand with what follows them for as long as the terminal is wide enough; the
    others stand alone.

    Args:
        columns: of the figures, the most important first.
        rows: by model, a figure for each column.
    """
    names = max(map(len, [of, *rows]))
    fitting = (n for n in range(len(columns), -1, -1) if names + _width(columns, rows, n) <= console.width)
    whole = next(fitting, None)
    sheet = Sheet(box=None, pad_edge=False, header_style="bold", padding=(0, BETWEEN, 0, 0))
    sheet.add_column(of)
    for name in columns:
        sheet.add_column(name, justify="right")
    for name, cells in rows.items():
        sheet.add_row(name, *(_cell(cell, place < (whole or 0)) for place, cell in enumerate(cells)))
    console.print(title, style="italic", highlight=False)
    if whole is None:  # a name that is a sentence: it is broken between its words
        print_table(console, sheet)
    else:
        for column, width in zip(sheet.columns[1:], _widths(columns, rows, whole), strict=True):
            column.width = width
        console.print(sheet)
    if caption:
        console.print(caption, style="dim", highlight=False)
    console.print()


def _width(columns: Sequence[str], rows: Mapping[str, Sequence[Told]], whole: int) -> int:
    """Characters that the figures' columns need, with what is before each."""
    return sum(_widths(columns, rows, whole)) + BETWEEN * len(columns)


def _widths(columns: Sequence[str], rows: Mapping[str, Sequence[Told]], whole: int) -> list[int]:
    """Of each column where the first so many are whole; a column's name may be broken between its words."""
    return [
        max([*map(len, name.split()), *(len(_cell(cells[place], place < whole)) for cells in rows.values())])
        for place, name in enumerate(columns)
    ]


def _cell(told: Told, whole: bool) -> str:
    return " ".join(part for part in told if part) if whole else told[0]
