"""What may be said of a study, in plain sentences made from its figures."""

from __future__ import annotations

from scipy.stats import f as f_distribution

from distill_rec.evaluation.endings import WAYS
from distill_rec.evaluation.kinds_told import FEWEST
from distill_rec.evaluation.numerals import plain, signed
from distill_rec.evaluation.results import Difference, Verdict
from distill_rec.study.plan import HEAD
from distill_rec.study.records import Row, StudyRecord

UNSTEADY = 0.05
"""Chance of a ratio of variances as large by luck, below which a row is called less stable."""


def verdicts(study: StudyRecord) -> list[Verdict]:
    """On failures, the head alone, stability, the best and the cheapest, what the budget cut, what stood still."""
    forms = list(dict.fromkeys(_form(row) for row in study.rows))
    out = [_failed(study)]
    out += [_head_alone(study, form) for form in forms]
    out += [_stability(study, row) for row in study.rows if _kind(row) == "last"]
    out += [_best(study), _untrained(study), _equal_seconds(study), _cut(study), _stood_still(study)]
    return [verdict for verdict in out if verdict is not None]


def _kind(row: Row) -> str:
    return row.tuning.partition(":")[0]


def _form(row: Row) -> str:
    """The row's variation as its name has it."""
    return row.name.partition(" ")[2]


def _of(form: str) -> str:
    return f" ({form})" if form else ""


def _span(found: Difference) -> str:
    return f"{signed(found.value)}, 95 % interval {signed(found.low)} to {signed(found.high)}, {found.users:,} users"


def _clear(found: Difference) -> bool:
    return found.clear and found.users >= FEWEST


def rising(row: Row) -> str:
    """Which of a row's trainings were cut while they were getting better; "" where none was."""
    cut = [one for one in row.trained if one.rising]
    if not cut:
        return ""
    seeds = f"in {len(cut)} of {len(row.trained)} seeds" if len(row.trained) > 1 else ""
    return f"{row.name} was still rising{' ' + seeds if seeds else ''} when {WAYS[cut[0].stopped]} ended it"


def _failed(study: StudyRecord) -> Verdict | None:
    found = [(row, row.failures[0]) for row in study.rows if row.failures]
    if not found:
        return None
    parts = [
        f"{row.name} in {len(row.failures)} of {len(study.seeds)} seeds (seed {one.seed}: {one.why.rstrip('.')})"
        for row, one in found
    ]
    text = f"Failed: {'; '.join(parts)}. The same command tries these again."
    return Verdict(tone="bad", text=text)


def _head_alone(study: StudyRecord, form: str) -> Verdict | None:
    """Yuan et al. (2020): tuning the output layer only is poor. The rival is chosen by validation, not by the test."""
    rows = [row for row in study.rows if _form(row) == form and row.quality is not None]
    head = next((row for row in rows if row.tuning == HEAD), None)
    rivals = [row for row in rows if row.tuning != HEAD]
    if head is None or not rivals:
        return None
    rival = max(rivals, key=lambda row: row.validation)
    found, ask = rival.against_head, f"Does “output layer only is poor” hold here{_of(form)}?"
    if found is None:
        return None
    best = f"{rival.name}, the best of the others on validation data, less head in {study.metrics[study.main_metric]}"
    # Whoever is clearly ahead would be so all the more.
    behind = ((head,) if found.value > 0 else (rival,)) if _clear(found) else (head, rival)
    if why := " and ".join(filter(None, map(rising, behind))):
        return Verdict(tone="open", text=f"{ask} No conclusion: {why}. So far, {best}: {_span(found)}.")
    if not _clear(found):
        return Verdict(tone="open", text=f"{ask} It cannot be told; {best}: {_span(found)}.")
    if found.value > 0:
        return Verdict(tone="good", text=f"{ask} Yes, within this budget; {best}: {_span(found)}.")
    return Verdict(tone="bad", text=f"{ask} No, within this budget head is better; {best}: {_span(found)}.")


def _stability(study: StudyRecord, row: Row) -> Verdict | None:
    """An F-test of variances over seeds against the head's, one-sided; with few seeds it can tell little."""
    head = next((one for one in study.rows if one.tuning == HEAD and _form(one) == _form(row)), None)
    if head is None or row.quality is None or head.quality is None:
        return None
    mine, its = (one.quality[study.main_metric].spread for one in (row, head) if one.quality)
    ask = f"Are last layers unstable here ({row.name})?"
    if mine is None or its is None:
        return Verdict(tone="open", text=f"{ask} It cannot be told: spread over seeds needs at least two of each.")
    seeds = len(row.trained), len(head.trained)
    chance = unsteady(mine, its, *seeds)
    said = (
        f"standard deviation over {seeds[0]} seeds {plain(mine)}, of head {plain(its)} over {seeds[1]} (chance of such "
        f"a ratio by luck {chance:.2f})"
    )
    if chance < UNSTEADY:
        return Verdict(tone="bad", text=f"{ask} Yes: {said}.")
    return Verdict(tone="open", text=f"{ask} Nothing here says so: {said}; few seeds can tell little.")


def unsteady(spread: float, other: float, seeds: int, others: int) -> float:
    """Chance that two equally stable rows have spreads this far apart, or further, in this direction."""
    if other == 0:
        return 0.0 if spread > 0 else 1.0
    return float(f_distribution.sf((spread / other) ** 2, seeds - 1, others - 1))


def _best(study: StudyRecord) -> Verdict | None:
    """The best on the test, those that cannot be told from it, and the cheapest of all these."""
    rows = [row for row in study.rows if row.quality is not None]
    if len(rows) < 2:
        return None
    best = next(row for row in rows if row.against_best is None)
    near = [row for row in rows if row.against_best is not None and not _clear(row.against_best)]
    cheapest = min([best, *near], key=lambda row: (row.trained_parameters or 0, row.seconds))
    assert best.quality is not None
    title, cell = study.metrics[study.main_metric], best.quality[study.main_metric]
    text = f"Best in {title}: {best.name} ({plain(cell.mean)}, {plain(cell.low)} to {plain(cell.high)})"
    names = ", ".join(row.name for row in near)
    text += f"; it cannot be told from {names}." if near else "; all others are clearly below."
    text += (
        f" The cheapest within noise of the best is {cheapest.name}: {cheapest.trained_parameters or 0:,} weights "
        f"learn, {cheapest.seconds:,.0f} s of training."
    )
    why = "; ".join(filter(None, map(rising, rows)))
    return Verdict(tone="open" if why else "note", text=f"{text} Not final: {why}." if why else text)


def _untrained(study: StudyRecord) -> Verdict | None:
    """Rows that the untrained PLM beats, or cannot be told from, have learnt nothing that shows."""
    found = [(row.name, row.against_untrained) for row in study.rows if row.against_untrained is not None]
    poor = [(name, one) for name, one in found if one.value <= 0 or not _clear(one)]
    if not poor:
        return None
    named = "; ".join(f"{name} ({_span(one)})" for name, one in poor)
    return Verdict(tone="bad", text=f"Not clearly above the untrained PLM: {named}.")


def _equal_seconds(study: StudyRecord) -> Verdict | None:
    values = {row.name: at_equal_seconds(row) for row in study.rows}
    found = {name: value for name, value in values.items() if value is not None}
    if len(found) < 2 or study.equal_seconds is None:
        return None
    first = max(found, key=lambda name: found[name])
    listed = ", ".join(f"{name} {plain(value)}" for name, value in found.items())
    text = (
        f"At equal seconds ({study.equal_seconds:,.0f} s of training, the head’s warm-up in them) {first} had the best "
        f"validation nDCG@10: {listed} (means over seeds)."
    )
    return Verdict(tone="note", text=text)


def at_equal_seconds(row: Row) -> float | None:
    """Mean over seeds of the best validation value within the seconds that all reached."""
    values = [one.at_equal_seconds for one in row.trained if one.at_equal_seconds is not None]
    return sum(values) / len(values) if values else None


def _cut(study: StudyRecord) -> Verdict | None:
    found = list(filter(None, map(rising, study.rows)))
    for row in study.rows:
        early = [one for one in row.trained if one.warm_up_rising]
        if early:
            found.append(
                f"the warm-up of {row.name} was cut in {len(early)} of {len(row.trained)} seeds, before its plateau"
            )
    if not found:
        return None
    return Verdict(
        tone="open", text=f"The budget of {study.budget} cut: {'; '.join(found)}. Raise it before you conclude."
    )


def _stood_still(study: StudyRecord) -> Verdict | None:
    """A tuning whose trunk did not move has tested nothing."""
    tuned = [row for row in study.rows if row.tuning != HEAD]
    still = [row.name for row in tuned if any(not one.trunk_moved for one in row.trained)]
    if not still:
        return None
    text = f"The trunk stood still in a training of {', '.join(still)}, so that nothing was tested: raise the budget."
    return Verdict(tone="bad", text=text)
