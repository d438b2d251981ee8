"""A prepared data set: is it whole, and is what `prepare` counted something one can learn from?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from distill_rec.data import Dataset, Summary, read_summary
from distill_rec.doctor.bounds import out_of_bounds
from distill_rec.doctor.damage import damaged
from distill_rec.doctor.findings import Finding, Level, problem_of, sound
from distill_rec.runtime.errors import DistillRecError

AREA = "data set"
PREPARE_AGAIN = "Prepare it again: distill-rec prepare RECIPE --restart prepare."
MANY_WITHOUT_TEXT, MANY_TWINS, MANY_EMPTY = 0.2, 0.1, 0.5
DAY = 86_400
EARLIEST = 631_152_000
"""1990: earlier than any log of clicks; times before it were read in another unit, or are no times."""
ODD = {
    "refused: ": "They are left out: mend them in the file.",
    "mended: a user": "Nothing can be learnt from one click alone; data.min_user_clicks = 2 leaves them out.",
    "mended: ": "",
    "look at": "",
}
"""Beginnings of lines that are worth a note, and what to do."""


def dataset(folder: Path) -> list[Finding]:
    """Files first, then what `prepare` said of the contents, then a load as a stage makes it."""
    out = [Finding("problem", AREA, path.name, fault, PREPARE_AGAIN) for path, fault in damaged(folder)]
    if out:
        return out
    try:
        out += _said(read_summary(folder))
        return [*out, _loads(folder)] if sound(out) else out
    except DistillRecError as error:
        return [*out, problem_of(AREA, error)]
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        return [*out, Finding("problem", AREA, "its tables", f"cannot be read: {error}", PREPARE_AGAIN)]


def _loads(folder: Path) -> Finding:
    """Read every array as a stage would, and look that their indices stay inside."""
    fault = out_of_bounds(Dataset.load(folder))
    if fault is not None:
        return Finding("problem", AREA, "its tables", fault, PREPARE_AGAIN)
    return Finding("ok", AREA, "its tables", "read; every index is of an item, a user or a text that is there")


def _said(summary: Summary) -> Iterator[Finding]:
    """The lines of `prepare`'s table, those that say more than a count with what to do, and its warnings."""
    judged = {name: (level, do) for name, level, do in _judgements(summary)}
    for name, value in summary.lines():
        odd = next((do for start, do in ODD.items() if name.startswith(start)), None)
        level, do = judged.get(name, ("ok" if odd is None else "note", odd or ""))
        yield Finding(level, AREA, name, value, do)
    for warning in summary.warnings:
        yield Finding("note", AREA, "a warning of prepare", warning)


def _judgements(summary: Summary) -> Iterator[tuple[str, Level, str]]:
    """Lines of the table that make a result worth little."""
    items, twins = max(summary.items, 1), summary.items - summary.distinct_texts
    if not (summary.train and summary.validation and summary.test):
        do = "A part is empty: look at data.split, data.test_share and data.validation_share."
        yield "train / validation / test", "problem", do
    if summary.items_without_text == summary.items:
        yield "texts", "problem", "No item has a text: does data.text name the columns that hold the texts?"
    elif summary.items_without_text > MANY_WITHOUT_TEXT * items:
        yield "texts", "note", "Those without text share one vector: look at data.text, or add fields to it."
    elif twins > MANY_TWINS * items:
        yield "texts", "note", "Items of equal text tie: add a field that tells them apart to data.text."
    if summary.first_time is None or summary.last_time is None:
        yield "time", "note", "The file's order stands for times: split leave-last-out."
    elif summary.first_time < EARLIEST or summary.last_time > time.time() + DAY:
        yield "time", "note", "So early or late a date is mostly another unit: data.time_column and data.timezone."
    elif summary.first_time == summary.last_time:
        yield "time", "note", "All clicks have one time: look at data.time_column."
    if summary.empty_histories > MANY_EMPTY:
        do = "Most tests are of new users: a later test (data.test_share) leaves them more history."
        yield "test histories that are empty", "note", do
