"""`distill-rec keys`."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from distill_rec.cli.guard import fail, guarded, require_train
from distill_rec.cli.options import JsonOption
from distill_rec.cli.output import make_console, print_json

Key = tuple[str, str, Any]
"""Dotted name, what it is for, default."""
TWIN, OWN = "teacher.model.", "student."
"""A teacher that is made as a student has a student's keys once more."""
HOW = """a section, or how a key begins  distill-rec keys teacher.optimizer
keys that a word is in          distill-rec keys temperature
every key                       distill-rec keys --all"""
KINDS = re.compile(r"^\w+(, \w+)*: ")
"""What a description begins with where not all kinds have the key."""


@guarded
def keys(
    asked: Annotated[
        str, typer.Argument(metavar="[SECTION|WORD]", help="as teacher.optimizer; one key; or a word, as temperature")
    ] = "",
    every_one: Annotated[bool, typer.Option("--all", help="every key of every section")] = False,
    as_json: JsonOption = False,
) -> None:
    """Tell the keys that a recipe may have, their defaults and what they are for; alone, the sections.

    Example: distill-rec keys teacher.optimizer
    """
    require_train()
    from distill_rec.recipe import Recipe
    from distill_rec.recipe_errors import describe

    every = describe(Recipe)
    found = keys_asked_for(every, asked)
    if not found:
        _fail(asked, every)
    if as_json:
        sections = sections_of(every)
        rows = [{"key": name, "default": default, "description": text} for name, text, default in found]
        print_json([row for row in rows if row["key"] not in sections], indent=2, default=str)
    elif asked or every_one:
        _print_keys(found, sections_of(every))
    else:
        _print_sections(every)


def sections_of(every: Sequence[Key]) -> set[str]:
    """Names that have keys of their own below them."""
    return {name.rpartition(".")[0] for name, _, _ in every} - {""}


def keys_asked_for(every: Sequence[Key], asked: str) -> list[Key]:
    """Those of a section, or whose names begin so; else those, and sections, that have the word in their own name or in
    what they are for. A key that a teacher has because it is made as a student is found as the student's.
    """
    below = [one for one in every if not asked or f"{one[0]}.".startswith(f"{asked}.")]
    if found := below or [one for one in every if one[0].startswith(asked)]:
        return found
    word, names = asked.lower(), {name for name, _, _ in every}
    return [
        (name, text, default)
        for name, text, default in every
        if (word in name.rpartition(".")[2].lower() or word in text.lower())
        and not (name.startswith(TWIN) and OWN + name.removeprefix(TWIN) in names)
    ]


def _fail(asked: str, every: Sequence[Key]) -> None:
    from distill_rec.recipe_errors import nearest_key

    near = nearest_key(asked, [name for name, _, _ in every])
    meant = f" Did you mean {near}?" if near else ""
    there = ", ".join(sorted(sections_of(every)))
    fail(f"no section or key {asked!r}, and no key has that word.{meant} There are the sections {there}.")


def _print_keys(found: Sequence[Key], sections: set[str]) -> None:
    """A table of keys; a section among them says how its keys are seen."""
    from rich.table import Table

    from distill_rec.terminal import print_table

    table = Table("key", "default", "what it is for", box=None, header_style="bold")
    within = Counter(name.rpartition(".")[0] for name, _, _ in found)
    for name, text, default in found:
        if name not in sections:
            table.add_row(name, "" if default is None else json.dumps(default, default=str), text)
        elif not within[name]:
            table.add_row(name, "section", text)
    print_table(make_console(), table)


def _print_sections(every: Sequence[Key]) -> None:
    """A line for each section, whatever the terminal's width, and how to see more."""
    sections = sections_of(every)
    texts = {"": "keys before any section"} | {name: text for name, text, _ in every if name in sections}
    counts = Counter(name.rpartition(".")[0] for name, _, _ in every if name not in sections)
    counts[TWIN[:-1]] += sum(count for name, count in counts.items() if name.startswith(TWIN))
    console, shown = make_console(), [name for name in texts if not name.startswith(TWIN)]
    widest = max(map(len, shown))
    print(f"{'section':{widest}}  keys  what it is")
    for name in shown:
        line = f"{name or '(top)':{widest}}  {counts[name]:4}  {KINDS.sub('', texts[name]).partition(';')[0]}"
        print(shorten(line, console.width))
    print(f"\n{HOW}")


def shorten(line: str, width: int) -> str:
    """A line of so many characters at most, cut between words."""
    return line if len(line) <= width else line[: width - 3].rpartition(" ")[0].rstrip(",:") + " ..."
