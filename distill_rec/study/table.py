"""A study on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from distill_rec.evaluation.render import TONES
from distill_rec.evaluation.words import NONE, cell_text, difference_text
from distill_rec.study import words
from distill_rec.study.records import StudyRecord


def render(study: StudyRecord, console: Console) -> None:
    """Quality, cost, and what may be said."""
    console.print(_quality(study))
    console.print(_cost(study))
    console.print(words.included(study), highlight=False)
    for verdict in study.verdicts:
        console.print(f"  {verdict.text}", style=TONES[verdict.tone], highlight=False)


def _quality(study: StudyRecord) -> Table:
    title = (
        f"test: means over {study.users:,} users ± half the 95 % interval ({study.grouping}), "
        f"{len(study.seeds)} seed{'s' * (len(study.seeds) > 1)}"
    )
    main = study.metrics[study.main_metric]
    at = "" if study.equal_seconds is None else f" at {study.equal_seconds:,.0f} s"
    names = ("row", main, "less head", "less untrained", "spread", f"validation nDCG@10{at}")
    table = _sheet(title, names)
    for base in study.baselines:
        table.add_row(base.name, cell_text(base.quality[study.main_metric]), *[NONE] * 4, style="dim")
    for row in study.rows:
        table.add_row(
            row.name,
            cell_text(row.quality[study.main_metric] if row.quality else None),
            difference_text(row.against_head),
            difference_text(row.against_untrained),
            words.spread_text(study, row),
            words.equal_text(row),
        )
    return table


def _cost(study: StudyRecord) -> Table:
    names = ("row", "weights that learn", "trunk rate", "updates", "seconds", "peak MiB", "trunk moved", "ended by")
    table = _sheet("what it took", names)
    for row in study.rows:
        cells = (words.rate_text(row), words.updates_text(row), words.seconds_text(row))
        after = (words.peak_text(row), words.moved_text(row), words.ended_text(row))
        table.add_row(row.name, words.count_text(row.trained_parameters), *cells, *after)
    return table


def _sheet(title: str, names: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", box=None, header_style="bold")
    for name in names:
        table.add_column(name, justify="left" if name in ("row", "ended by") else "right")
    return table
