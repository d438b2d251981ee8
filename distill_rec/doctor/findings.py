"""What a check found: one line a thing, and what to do about it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from distill_rec.runtime.errors import DistillRecError

Level = Literal["ok", "note", "problem"]
LEVELS: tuple[Level, ...] = ("problem", "note", "ok")
WHAT = 34
"""Widest first column, in characters; a longer name pushes its own line only."""
NARROW = 30
QUOTED = re.compile(r"(?<!\w)'[^']*'(?!\w)")
HELD = "\0"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        level: "ok"; "note", worth knowing and nothing is broken; or "problem".
        area: the part that it belongs to, as "packages" or "files".
        what: the thing itself.
        found: what was there.
        do: what to do; "" where nothing is.
    """

    level: Level
    area: str
    what: str
    found: str
    do: str = ""


def problem_of(area: str, error: DistillRecError) -> Finding:
    """An error of the toolkit as a finding."""
    found = f"{error.found}; expected {error.expected}" if error.expected else error.found
    return Finding("problem", area, error.where, found, error.do)


def lacking(area: str, what: str, error: ModuleNotFoundError) -> Finding:
    """A check that the light install cannot make: which package it misses, and the extra that has it."""
    found = f"not checked: {error.name} is not installed"
    return Finding("note", area, what, found, "pip install 'distill-rec[train]'")


def sound(findings: Sequence[Finding]) -> bool:
    """Whether there is no problem among them."""
    return all(finding.level != "problem" for finding in findings)


def count_line(findings: Sequence[Finding]) -> str:
    """`1 problem, 2 notes, 14 ok`."""
    counts = {level: sum(finding.level == level for finding in findings) for level in LEVELS}
    words = {"problem": "problem" if counts["problem"] == 1 else "problems", "ok": "ok"}
    words["note"] = "note" if counts["note"] == 1 else "notes"
    return ", ".join(f"{counts[level]} {words[level]}" for level in LEVELS)


def as_table(findings: Sequence[Finding], width: int = 100) -> str:
    """Plain text, one block an area: level, thing, what was found; under it, what to do."""
    column = min(max((len(finding.what) for finding in findings), default=0), WHAT)
    lines: list[str] = []
    area = ""
    for finding in findings:
        if finding.area != area:
            area = finding.area
            lines += ["", area] if lines else [area]
        start = f"  {finding.level:<8} {finding.what:<{column}}  "
        under, room = " " * (13 + column), max(width - 13 - column, NARROW)
        text = _wrapped(finding.found, room)
        text += [f"{'-> ' if not place else '   '}{line}" for place, line in enumerate(_wrapped(finding.do, room - 3))]
        lines += [f"{under if place else start}{line}" for place, line in enumerate(text)]
    return "\n".join(lines)


def _wrapped(text: str, room: int) -> list[str]:
    """Lines of at most `room` characters; a hash or a (quoted) path is never broken, so that it can be copied."""
    held = QUOTED.sub(lambda found: found[0].replace(" ", HELD), text)
    lines = textwrap.wrap(held, room, break_long_words=False, break_on_hyphens=False)
    return [line.replace(HELD, " ") for line in lines]


def as_dict(kind: str, path: str | None, findings: Sequence[Finding]) -> dict[str, Any]:
    """For `--json`."""
    return {"kind": kind, "path": path, "ok": sound(findings), "findings": [asdict(finding) for finding in findings]}
