"""A search on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from distill_rec.evaluation.render import TONES
from distill_rec.evaluation.words import NONE, cell_text, difference_text
from distill_rec.search import words
from distill_rec.search.records import SearchRecord
from distill_rec.terminal import print_table


def render(search: SearchRecord, console: Console) -> None:
    """All trials, the front on the test, and what may be said."""
    print_table(console, _trials(search))
    console.print(words.included(search), highlight=False, markup=False)
    if any(one.test for one in search.found):
        print_table(console, _test(search))
    for verdict in search.verdicts:
        console.print(f"  {verdict.text}", style=TONES[verdict.tone], highlight=False, markup=False)


def _trials(search: SearchRecord) -> Table:
    title = search.metrics[search.main_metric]
    names = ("trial", "student", f"validation {title}", "kept", "MB", "ms", "", "new items/s", "seconds", "ended by")
    table = _sheet(f"trials (budget: {words.budget_text(search.budget)})", names, ("", "student", "ended by"))
    for one in search.found:
        cells = (words.quality_text(search, one), words.kept_text(one), words.megabytes_text(one))
        cost = (words.milliseconds_text(one), words.mark_text(search, one), words.rate_text(one))
        last = (words.seconds_text(one), words.ended_text(one))
        table.add_row(one.name, one.student, *cells, *cost, *last, style="bold" if one.name == search.chosen else "")
    return table


def _test(search: SearchRecord) -> Table:
    title = search.metrics[search.main_metric]
    head = f"the front on the test: means over {search.users:,} users ± half the 95 % interval ({search.grouping})"
    table = _sheet(head, ("trial", title, "less teacher", "kept on the test", "less the recipe’s own"), ())
    for name, cells in search.baselines.items():
        table.add_row(name, cell_text(cells[search.main_metric]), *[NONE] * 3, style="dim")
    for one in search.found:
        if one.test is not None:
            differences = (difference_text(one.against_teacher), words.ratio_text(one.kept_on_test))
            cell = cell_text(one.test[search.main_metric])
            table.add_row(one.name, cell, *differences, difference_text(one.against_recipe))
    return table


def _sheet(title: str, names: tuple[str, ...], left: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", box=None, header_style="bold")
    for place, name in enumerate(names):
        table.add_column(name, justify="left" if place == 0 or name in left else "right")
    return table
