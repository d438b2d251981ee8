"""A study's figures as short texts, the same on a terminal and on the page."""

from __future__ import annotations

from distill_rec.evaluation.endings import WAYS
from distill_rec.evaluation.numerals import plain
from distill_rec.evaluation.words import NONE
from distill_rec.study.records import Row, StudyRecord
from distill_rec.study.verdicts import at_equal_seconds


def spread_text(study: StudyRecord, row: Row) -> str:
    spread = row.quality[study.main_metric].spread if row.quality else None
    return NONE if spread is None else plain(spread)


def equal_text(row: Row) -> str:
    value = at_equal_seconds(row)
    return NONE if value is None else plain(value)


def count_text(value: int | None) -> str:
    return NONE if value is None else f"{value:,}"


def rate_text(row: Row) -> str:
    return NONE if row.trunk_rate is None else f"{row.trunk_rate:g}"


def seconds_text(row: Row) -> str:
    """`60.1 (warm-up 30.0)`, means over seeds."""
    if not row.trained:
        return NONE
    warm_up = sum(one.warm_up_seconds for one in row.trained) / len(row.trained)
    return f"{row.seconds:,.1f}" + (f" (warm-up {warm_up:,.1f})" if warm_up else "")


def updates_text(row: Row) -> str:
    """`600 + 120`: the head's warm-up and the tuning, means over seeds."""
    if not row.trained:
        return NONE
    before, own = (
        sum(getattr(one, name) for one in row.trained) / len(row.trained) for name in ("warm_up_updates", "updates")
    )
    return f"{before:,.0f} + {own:,.0f}" if before else f"{own:,.0f}"


def peak_text(row: Row) -> str:
    """Largest of the seeds, MiB."""
    return f"{max(one.peak_bytes for one in row.trained) / 2**20:,.0f}" if row.trained else NONE


def moved_text(row: Row) -> str:
    """Relative change of the part of the trunk that moved most, mean over seeds."""
    found = [one.trunk_moved for one in row.trained if one.trunk_moved is not None]
    return f"{sum(found) / len(found):.3g}" if found else NONE


def ended_text(row: Row) -> str:
    """What ended the trainings, and which failed."""
    ways = [WAYS[one.stopped] + (", still rising" if one.rising else "") for one in row.trained]
    counted = [way if ways.count(way) == len(ways) else f"{way} ({ways.count(way)})" for way in dict.fromkeys(ways)]
    failed = [f"failed ({len(row.failures)} of {len(row.failures) + len(row.trained)})"] if row.failures else []
    return "; ".join([*counted, *failed])


def included(study: StudyRecord) -> str:
    """What the seconds of a row hold."""
    return (
        f"Each training had {study.budget}. Seconds are those of training with its validations, means over seeds; of "
        "a tuned trunk the head’s warm-up is in them (it ends at its plateau, or at "
        f"{study.budget.warm_up:.0%} of the budget), and the tuning has what is left. Loading, the first pass of the "
        "texts through the PLM and writing are not in them. Peak memory is that of the training’s own process, the "
        "largest of the seeds."
    )
