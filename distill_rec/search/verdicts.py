"""What may be said of a search, in plain sentences made from its figures."""

from __future__ import annotations

from distill_rec.evaluation.endings import WAYS
from distill_rec.evaluation.kinds_told import FEWEST
from distill_rec.evaluation.numerals import percent, plain
from distill_rec.evaluation.results import Difference, Verdict
from distill_rec.evaluation.words import cell_text, difference_text
from distill_rec.search.records import Found, SearchRecord
from distill_rec.search.words import budget_text, ratio_text


def verdicts(search: SearchRecord) -> list[Verdict]:
    """On failures, what was chosen and how it holds on the test, what was cut, what was left."""
    found = [_failed(search), _chosen(search), _on_test(search), _against_recipe(search), _cut(search), _left(search)]
    return [verdict for verdict in found if verdict is not None]


def _failed(search: SearchRecord) -> Verdict | None:
    if not search.failed:
        return None
    parts = [f"#{one.number} ({one.student}: {one.why.rstrip('.')})" for one in search.failed]
    return Verdict(tone="bad", text=f"Failed: {'; '.join(parts)}. The same command tries these again.")


def _chosen(search: SearchRecord) -> Verdict | None:
    """What the budget asks for, by validation data."""
    title, budget = search.metrics[search.main_metric], search.budget
    if not search.found:
        return None
    if search.chosen is None:
        return _none_fits(search)
    one = search.point(search.chosen)
    what = "The best"
    if budget.within is not None:
        what = f"The smallest within {100 * budget.within:g} % of the teacher"
    if (budget.megabytes, budget.milliseconds) != (None, None):
        limits = budget_text(budget.model_copy(update={"within": None}))
        what += f" of those with {limits}"
    kept = "" if one.kept is None else f", {percent(one.kept)} of the teacher’s{_how_sure(search, one)}"
    quality = plain(one.point.quality[search.main_metric])
    text = f"{what}: {one.name} ({one.student}), {_cost(one)}, validation {title} {quality}{kept}."
    return Verdict(tone="open" if one.rising else "note", text=text + (_open(one) if one.rising else ""))


def _how_sure(search: SearchRecord, one: Found) -> str:
    """The interval on validation data of what is kept: with few users the nearest trials are chosen from by luck."""
    found = one.kept_on_validation
    if found is None or found.low is None or found.high is None:
        return ""
    return f" ({percent(found.low)} to {percent(found.high)} over {search.validation_users:,} users)"


def _none_fits(search: SearchRecord) -> Verdict:
    """With how near the nearest is, where it is quality that is asked for."""
    text = f"No student of {len(search.found)} is within the budget ({budget_text(search.budget)})."
    near = [(one.kept, one) for one in search.found if one.kept is not None]
    if search.budget.within is not None and near:
        kept, most = max(near, key=lambda pair: pair[0])
        text += f" {most.name} keeps most of the teacher: {percent(kept)} in {_cost(most)}."
    return Verdict(tone="bad", text=text)


def _on_test(search: SearchRecord) -> Verdict | None:
    """Whether what was promised on validation data holds on the test."""
    if search.chosen is None:
        return None
    one, title = search.point(search.chosen), search.metrics[search.main_metric]
    if one.test is None or one.against_teacher is None:
        return None
    text = f"On the test {one.name} has {cell_text(one.test[search.main_metric])} {title}, "
    text += f"{difference_text(one.against_teacher)} against the teacher"
    ratio, within = one.kept_on_test, search.budget.within
    if ratio is not None and ratio.value is not None:
        text += f"; it keeps {ratio.name} = {ratio_text(ratio)}"
    if within is None or ratio is None or ratio.low is None or ratio.high is None:
        return Verdict(tone="note", text=f"{text}.")
    if ratio.low >= 1 - within and one.against_teacher.users >= FEWEST:
        return Verdict(tone="good", text=f"{text}: within {100 * within:g} % there too.")
    if ratio.high < 1 - within:
        return Verdict(tone="bad", text=f"{text}: further than {100 * within:g} % from it there.")
    return Verdict(tone="open", text=f"{text}: whether it is within {100 * within:g} % there cannot be told.")


def _against_recipe(search: SearchRecord) -> Verdict | None:
    """What the search gained over the student that the recipe had."""
    if search.chosen is None:
        return None
    one, title = search.point(search.chosen), search.metrics[search.main_metric]
    found = one.against_recipe
    own = next((other for other in search.found if other.number == 0), None)
    if found is None or own is None:
        return None
    text = (
        f"Against the recipe’s own student ({_cost(own)}) {one.name} has {difference_text(found)} {title} on the test"
    )
    if not found.clear or found.users < FEWEST:
        return Verdict(tone="open", text=f"{text}: it cannot be told from it in quality.")
    return Verdict(tone=_tone(found), text=f"{text}.")


def _cut(search: SearchRecord) -> Verdict | None:
    """Trials that a limit ended while they were getting better: their figures are not final."""
    cut = [one for one in _one_per_trial(search) if one.rising]
    if not cut:
        return None
    told = ", ".join(f"#{one.number} by {WAYS[one.stopped]} after {one.updates:,} updates" for one in cut)
    text = (
        f"Cut while still rising: {told}. All trials had the same stopping rule; raise its limit before you conclude."
    )
    return Verdict(tone="open", text=text)


def _left(search: SearchRecord) -> Verdict | None:
    if not search.left:
        return None
    made = len(_one_per_trial(search)) + len(search.failed)
    return Verdict(tone="note", text=f"Ended after {made} trials: {search.left}.")


def _one_per_trial(search: SearchRecord) -> list[Found]:
    return list({one.number: one for one in search.found}.values())


def _cost(one: Found) -> str:
    return f"{one.point.megabytes:.2f} MB and {one.point.milliseconds:.3g} ms"


def _open(one: Found) -> str:
    return f" Not final: {WAYS[one.stopped]} ended it while it was still rising."


def _tone(found: Difference) -> str:
    return "good" if found.value > 0 else "bad"
