"""A prepared data set: is it whole, and does what was read look like something one can learn from?"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from distill_rec.doctor.damage import damaged
from distill_rec.doctor.findings import Finding, lacking, problem_of
from distill_rec.doctor.kinds import object_in
from distill_rec.runtime.errors import DistillRecError

AREA = "data set"
PREPARE_AGAIN = "Prepare it again: distill-rec prepare RECIPE --restart prepare."
MANY_WITHOUT_TEXT = 0.2
MANY_EMPTY = 0.5
DAY = 86_400
EARLIEST = 631_152_000
"""1990: earlier than any log of clicks; times before it were read in another unit, or are no times."""


def dataset(folder: Path, area: str = AREA) -> list[Finding]:
    """Files first; what `summary.json` says of the contents; then a load, where the extra is there."""
    out = [Finding("problem", area, path.name, fault, PREPARE_AGAIN) for path, fault in damaged(folder)]
    summary = object_in(folder / "summary.json")
    if summary:
        try:
            out += _contents(summary, area)
        except (KeyError, TypeError, ValueError) as error:
            found = f"a key is missing or of another type: {error}"
            out.append(Finding("problem", area, "summary.json", found, PREPARE_AGAIN))
    elif not (folder / "summary.json").exists():
        out.append(Finding("problem", area, "summary.json", "not there", PREPARE_AGAIN))
    return out if any(finding.level == "problem" for finding in out) else [*out, _loads(folder, area)]


def _loads(folder: Path, area: str) -> Finding:
    """Read every array as a stage would, and look that their indices stay inside."""
    try:
        from distill_rec.data import Dataset
        from distill_rec.doctor.bounds import out_of_bounds

        data = Dataset.load(folder)
    except ModuleNotFoundError as error:
        return lacking(area, "its tables", error)
    except DistillRecError as error:
        return problem_of(area, error)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Finding("problem", area, "its tables", f"cannot be read: {error}", PREPARE_AGAIN)
    fault = out_of_bounds(data)
    if fault is not None:
        return Finding("problem", area, "its tables", fault, PREPARE_AGAIN)
    return Finding("ok", area, "its tables", "read; every index is of an item, a user or a text that is there")


def _contents(summary: dict[str, Any], area: str) -> list[Finding]:
    out = [Finding("ok", area, "what was read", _sizes(summary))]
    out += [_parts(summary, area), _texts(summary, area), _equal(summary, area), _times(summary, area)]
    out += [_empty(summary, area), *_faults(summary, area)]
    cold = summary["items_without_training_click"]
    if cold:
        found = f"{cold:,} of {summary['items']:,}: only their text speaks for them"
        out.append(Finding("ok", area, "items without training click", found))
    return out


def _sizes(summary: dict[str, Any]) -> str:
    return (
        f"{summary['users']:,} users, {summary['items']:,} items, {summary['interactions']:,} interactions, of which "
        f"{summary['clicks']:,} clicks"
    )


def _parts(summary: dict[str, Any], area: str) -> Finding:
    found = " / ".join(f"{summary[name]:,}" for name in ("train", "validation", "test"))
    empty = [name for name in ("train", "validation", "test") if not summary[name]]
    if empty:
        do = "Look at data.split, data.test_share and data.validation_share."
        return Finding("problem", area, "train / validation / test", f"{found}: {' and '.join(empty)} is empty", do)
    return Finding("ok", area, "train / validation / test", found)


def _texts(summary: dict[str, Any], area: str) -> Finding:
    without, items = int(summary["items_without_text"]), max(int(summary["items"]), 1)
    found = f"{1 - without / items:.1%} of the items have one"
    if without == items:
        do = "Look at data.text: does it name the columns that hold the texts?"
        return Finding("problem", area, "texts", f"no item has one ({items:,} items)", do)
    if without:
        many = without / items > MANY_WITHOUT_TEXT
        do = "Look at data.text, or add fields to it." if many else "They share one learnt vector."
        return Finding("note", area, "texts", f"{found}; {without:,} have none", do)
    return Finding("ok", area, "texts", found)


def _equal(summary: dict[str, Any], area: str) -> Finding:
    twins = int(summary["items"]) - int(summary["distinct_texts"])
    if twins <= 0:
        return Finding("ok", area, "equal texts", "none")
    found = f"{twins:,} items have the text of another ({summary['distinct_texts']:,} distinct)"
    if twins > 0.1 * int(summary["items"]):
        do = "They tie by text: add a field that tells them apart to data.text."
        return Finding("note", area, "equal texts", found, do)
    return Finding("ok", area, "equal texts", found)


def _times(summary: dict[str, Any], area: str) -> Finding:
    first, last = summary["first_time"], summary["last_time"]
    if first is None or last is None:
        return Finding("note", area, "times", "none: the file's order stands for them", "Split leave-last-out.")
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in summary["time_kinds"].items())
    found = f"{_date(first)} to {_date(last)} UTC" + (f" (times given as: {kinds})" if kinds else "")
    if first < EARLIEST or last > time.time() + DAY:
        do = "Look at data.time_column and data.timezone: dates so early or late are mostly another unit."
        return Finding("note", area, "times", found, do)
    if first == last:
        return Finding("note", area, "times", f"all of them {_date(first)} UTC", "Look at data.time_column.")
    return Finding("ok", area, "times", found)


def _date(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"
    except (OverflowError, OSError, ValueError):
        return f"second {seconds:g}"


def _empty(summary: dict[str, Any], area: str) -> Finding:
    share = float(summary["empty_histories"])
    found = f"{share:.1%} of the test histories"
    if share > MANY_EMPTY:
        do = "Most tests are of new users: a later test (data.test_share) leaves them more history."
        return Finding("note", area, "empty histories", found, do)
    return Finding("ok", area, "empty histories", found)


def _faults(summary: dict[str, Any], area: str) -> list[Finding]:
    """What `prepare` counted: rows left out, and rows that it kept with something mended."""
    out = []
    rows = max(int(summary["rows"]), 1)
    for reason, fault in summary["refused"].items():
        found = f"{fault['count']:,} of {rows:,} rows, first at {', '.join(map(str, fault['first']))}"
        out.append(Finding("note", area, f"refused: {reason}", found, "They are left out: mend them in the file."))
    for reason, fault in summary.get("left_out", {}).items():
        found = f"{fault['count']:,} of {rows:,} rows"
        out.append(Finding("ok", area, f"left out: {reason}", found))
    out += [Finding("note", area, "a warning of prepare", warning) for warning in summary.get("warnings", [])]
    for reason, fault in summary["mended"].items():
        users = reason.startswith("a user")
        found = f"{fault['count']:,}, first {', '.join(map(str, fault['first']))}"
        do = "Nothing can be learnt from one click alone; data.min_user_clicks = 2 leaves them out." if users else ""
        out.append(Finding("note", area, reason if users else f"mended: {reason}", found, do))
    if not summary["refused"]:
        out.append(Finding("ok", area, "refused rows", f"none of {summary['rows']:,} of clicks and items"))
    return out
