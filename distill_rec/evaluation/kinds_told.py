"""Kinds of items, histories and users: which the student ranks worse than the teacher, and whether it matters; which
distillation helped, and which it cost."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from scipy.stats import norm

from distill_rec.evaluation.endings import unsettled
from distill_rec.evaluation.numerals import signed
from distill_rec.evaluation.results import Difference, Results, Slice, Slicing, Verdict
from distill_rec.evaluation.slicings import ALWAYS
from distill_rec.runtime.errors import RunError

FEWEST = 20
"""Users below which no difference is claimed: the bootstrap's interval is too narrow for so few."""
HALF = 2 * float(norm.ppf(0.975))
"""Standard errors that a 95 % interval is wide."""
WORST = 3
"""Kinds that a sentence names."""
OF = {"items": "kinds of items", "histories": "groups of samples", "users": "groups of users"}


@dataclass(frozen=True)
class Compared:
    """A slice with the difference of two models on it.

    Attributes:
        weight: share of the test's samples times the difference of means over samples: what the slice gives to, or
            takes from, the mean over all samples; where no sample is in two slices, weights add up to its difference.
        clear: the difference is told from zero though as many slices were looked at (Bonferroni).
    """

    slice: Slice
    difference: Difference
    weight: float
    clear: bool


def compared(slicing: Slicing, metric: str, first: str = "student", second: str = "teacher") -> list[Compared]:
    """The slices by the difference of two models, the worst for `first` at the head; those without one are left out."""
    found = [(one, one.table.difference(metric, first, second)) for one in slicing.slices]
    known = [(one, difference) for one, difference in found if difference is not None]
    out = []
    for one, difference in known:
        cells = one.table.cells[metric]
        apart = cells[first].mean_samples - cells[second].mean_samples
        out.append(Compared(one, difference, one.share * apart, _clear(difference, len(known))))
    return sorted(out, key=lambda one: one.difference.value)


def _clear(found: Difference, looked_at: int) -> bool:
    """Told from zero at 5 % among all that were looked at; the standard error is read off the 95 % interval."""
    error = (found.high - found.low) / HALF
    needed = float(norm.ppf(1 - 0.025 / looked_at))
    return found.users >= FEWEST and found.clear and abs(found.value) > needed * error


def kinds_told(results: Results) -> list[Verdict]:
    """One sentence for each way of slicing in which student and teacher can be compared."""
    told = [_told(results, slicing) for slicing in results.slicings]
    return [one for one in told if one is not None]


def gains_told(results: Results) -> list[Verdict]:
    """Whom distillation helped and whom it cost, in each way of slicing in which that is clear.

    A mean over all users can stand still while some of them, or some items, are served much better and others worse.
    """
    told = [_gained(results, slicing) for slicing in results.slicings]
    return [one for one in told if one is not None]


def _gained(results: Results, slicing: Slicing) -> Verdict | None:
    metric, what = results.main_metric, shared(results)
    clear = [row for row in compared(slicing, metric, "student", "undistilled") if row.clear]
    if not clear:
        return None
    signs = {"gained on": [row for row in reversed(clear) if row.difference.value > 0]}
    signs["lost on"] = [row for row in clear if row.difference.value < 0]
    parts = [f"{verb} {_named(rows, what)}" for verb, rows in signs.items() if rows]
    text = f"By {slicing.by}, in {results.metrics[metric]} distillation {'; it '.join(parts)}."
    if unsettled(results.endings, ("student", "undistilled")):
        return Verdict(tone="open", text=f"{text} Not final: a training was cut or still rising.")
    tone = "note" if len(parts) > 1 else "good" if signs["gained on"] else "bad"
    return Verdict(tone=tone, text=text)


def _told(results: Results, slicing: Slicing) -> Verdict | None:
    metric = results.main_metric
    rows = compared(slicing, metric)
    whole = results.test.difference(metric, "student", "teacher")
    if len(rows) < 2 or whole is None:
        return None
    worse = [row for row in rows if row.clear and row.difference.value < 0]
    if not worse and slicing.by in ALWAYS:
        return None
    title, kinds = results.metrics[metric], OF[slicing.of]
    text = f"By {slicing.by}, the student ranks {len(worse) or 'none'} of {len(rows)} {kinds} "
    text += f"clearly worse than the teacher in {title}"
    what = shared(results)
    if worse:
        text += f": {_named(worse, what)}. {_matters(results, slicing, worse, whole)}"
    else:
        text += f"; lowest is {_named(rows[:1], what)}."
    if unsettled(results.endings, ("student", "teacher")):
        return Verdict(tone="open", text=f"{text} Not final: a training was cut or still rising.")
    return Verdict(tone="bad" if worse else "note", text=text)


def shared(results: Results) -> str:
    """What a slice has a share of."""
    return "targets" if results.protocol == "catalogue" else "impressions"


def _label(slicing: Slicing, row: Compared) -> str:
    """A slice's name, with what it is a number of."""
    name = row.slice.name
    return f"{slicing.by} {name}" if name[:1].isdigit() else name


def _named(rows: list[Compared], what: str) -> str:
    """Slices with their differences; what a name of numbers is a number of, the sentence has said."""
    parts = [
        f"{row.slice.name}{':' * row.slice.name[:1].isdigit()} {signed(row.difference.value)} "
        f"({signed(row.difference.low)} to {signed(row.difference.high)}; {row.slice.share:.1%} of {what})"
        for row in rows[:WORST]
    ]
    more = len(rows) - WORST
    return ", ".join(parts) + (f" and {more} more" if more > 0 else "")


def _matters(results: Results, slicing: Slicing, worse: list[Compared], whole: Difference) -> str:
    """What the heaviest of them makes of the difference of means over all targets, and that of means over users."""
    most, cells = min(worse, key=lambda row: row.weight), results.test.cells[results.main_metric]
    mean, what = cells["student"].mean_samples, shared(results)
    part = f", {-most.weight / mean:.1%} of the student's mean" if mean > 0 else ""
    which = f"Of these {_label(slicing, most)} weighs most: it" if len(worse) > 1 else "It"
    return (
        f"{which} makes {signed(most.weight)} of the {signed(mean - cells['teacher'].mean_samples)} by which the means "
        f"over all {what} differ{part}. The mean over users differs by {signed(whole.value)} ({signed(whole.low)} to "
        f"{signed(whole.high)})."
    )


def kinds_frame(
    results: Results, by: str, metric: str | None = None, first: str = "student", second: str = "teacher"
) -> pl.DataFrame:
    """`slice, samples, users, share`, both models' means, `difference, low, high, weight, clear`; the worst first.

    Args:
        by: a column that the test is sliced by, or one of the others of `results.slicings`.
        metric: the main one where not given.

    Raises:
        RunError: the test was not sliced by it.
    """
    slicing = results.sliced_by(by)
    if slicing is None:
        known = ", ".join(repr(one.by) for one in results.slicings) or "none"
        do = "Name the column in evaluate.slices and evaluate anew with --restart evaluate."
        raise RunError(f"results of {results.name}", f"no slices by {by!r}; there are {known}", "", do)
    chosen = metric or results.main_metric
    return pl.DataFrame(
        [
            {
                "slice": row.slice.name,
                "samples": row.slice.table.samples,
                "users": row.slice.table.users,
                "share": row.slice.share,
                first: row.slice.table.cells[chosen][first].mean,
                second: row.slice.table.cells[chosen][second].mean,
                "difference": row.difference.value,
                "low": row.difference.low,
                "high": row.difference.high,
                "weight": row.weight,
                "clear": row.clear,
            }
            for row in compared(slicing, chosen, first, second)
        ]
    )
