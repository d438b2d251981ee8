"""Tables on a terminal: text wraps between words, and where the words have no room each row becomes a list."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

LEAST = 24
"""Characters a line that sentences need: with fewer a list reads better."""
WIDEST = 100_000
"""Characters: no limit."""


@dataclass
class _Room:
    """What a column needs and gets, in characters.

    Attributes:
        least: its longest word; of a column of sentences a readable line.
        most: its longest cell.
    """

    column: Column
    least: int
    most: int


def print_table(console: Console, table: Table) -> None:
    """Print a table of texts; no name and no number in it is cut or broken."""
    rooms = [_room_of(console, column) for column in table.columns]
    free = console.options.update(width=WIDEST)
    frame = console.measure(table, options=free).maximum - sum(room.most for room in rooms)
    left = console.width - frame - sum(room.least for room in rooms)
    if left < 0:
        _print_list(console, table)
        return
    # Those that lack least get theirs first, so that a column of sentences takes what is left.
    for place, room in enumerate(sorted(rooms, key=lambda one: one.most - one.least)):
        more = min(room.most - room.least, left // (len(rooms) - place))
        room.column.width, left = room.least + more, left - more
    console.print(table)


def _room_of(console: Console, column: Column) -> _Room:
    free = console.options.update(width=WIDEST)
    header, *cells = (console.measure(one, options=free) for one in (column.header, *column.cells))
    longest = max((cell.maximum for cell in cells), default=0)
    least = max(LEAST if longest > 2 * LEAST else 0, header.minimum, *(cell.minimum for cell in cells))
    return _Room(column, least, max(header.maximum, longest))


def _print_list(console: Console, table: Table) -> None:
    """Each row under its first cell, the others with their columns' names before them."""
    if table.title:
        console.print(table.title, style="italic", overflow="fold")
    _, *names = (str(column.header) for column in table.columns)
    for first, *cells in zip(*(column.cells for column in table.columns), strict=True):
        console.print(Text(str(first), style="bold"), overflow="fold")
        for name, cell in zip(names, cells, strict=True):
            if cell:
                told = f"{name}: {cell}" if name else str(cell)
                console.print(Padding(Text(told), (0, 0, 0, 2)), overflow="fold")
    if table.caption:
        console.print(table.caption, style="dim", overflow="fold")
