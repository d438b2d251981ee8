"""What the evaluation adds to a model card: how the student's lists are, beside its teacher's and popularity's."""

from __future__ import annotations

from pathlib import Path

from distill_rec.artifact.layout import CARD
from distill_rec.evaluation.beyond_tables import list_cell
from distill_rec.evaluation.lists import LISTS
from distill_rec.evaluation.results import Results
from distill_rec.files import write_text

HEADING, BEHIND = "## What its lists are like", "## Intended use and limits"
COLUMNS = ("student", "teacher", "popularity")


def tell_lists(artifact: Path, results: Results) -> None:
    """Write the properties of the lists into an artifact's card, in the place of what an earlier evaluation told.

    The card is no part of what the artifact's manifest lists. A card that lacks the heading behind these lines
    (somebody's own) stays as it is, and so does every card where no list of the student was looked at.
    """
    card = artifact / CARD
    if "student" not in results.lists or not card.is_file():
        return
    text = card.read_text("utf-8")
    before, heading, behind = text.partition(f"\n{BEHIND}\n")
    if heading:
        before = before.partition(f"\n{HEADING}\n")[0]
        write_text(card, f"{before}\n{HEADING}\n\n{lists_of(results)}{heading}{behind}")


def lists_of(results: Results) -> str:
    """A table, and of how many users it is."""
    models = [name for name in COLUMNS if name in results.lists]
    users = results.lists["student"].users
    lines = [
        f"The first 10 of what each of {users:,} test users has not seen, with the 95 % interval over users.",
        "",
        f"| property | {' | '.join(models)} | what it is |",
        "|---" * (len(models) + 2) + "|",
    ]
    for key, about in LISTS.items():
        cells = (list_cell(results.lists[name], key) for name in models)
        told = (f"{value} ({span})" if span else value for value, span in cells)
        lines.append(f"| {about.title} | {' | '.join(told)} | {about.says} |")
    return "\n".join([*lines, ""])
