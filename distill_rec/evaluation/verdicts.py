"""What may be said of a comparison, in plain sentences: an interval that includes 0 claims nothing."""

from __future__ import annotations

from distill_rec.artifact.repeat import NAMES
from distill_rec.evaluation.columns import COLUMNS, title_of
from distill_rec.evaluation.endings import levels_told, summary_of, unsettled
from distill_rec.evaluation.kinds_told import FEWEST, gains_told, kinds_told
from distill_rec.evaluation.numerals import signed
from distill_rec.evaluation.results import POPULARITY, Difference, Results, Table, Verdict
from distill_rec.evaluation.speeds import faster

RIVALS = ("popularity", "transitions", "untrained", "undistilled")
"""Columns that a teacher must beat to be worth anything."""

ADVICE = {
    "untrained": " Its training spoilt what the PLM knew: a lower learning_rate, keep_start, dim as wide as the PLM.",
    "popularity": " Do not serve it: a list of what is popular does better.",
    "transitions": " A table of what came next does better, without a model.",
}
"""What to do about a teacher that loses to a rival."""


def verdicts(results: Results) -> list[Verdict]:
    """Of the student and teacher against what they must beat, of distillation, of what is kept, of rare items."""
    table, metric = results.test, results.main_metric
    plain = ("popularity", "transitions")
    out = [_against(results, table, metric, "student", rival) for rival in plain if rival in results.models]
    out += [_against(results, table, metric, "student", name) for name in _elsewhere(results)]
    out += [_against(results, table, metric, "teacher", rival) for rival in RIVALS if rival in results.models]
    out += [_together(results, table, metric), *_idle(results), _beside_the_student(results, table, metric)]
    out += [_distillation(results, table, metric), _beyond_the_start(results, table, metric)]
    out += [_nothing_to_give(results, table, metric), _retention(results, table)]
    out += [
        _seen_items(results, metric),
        _transitions(results),
        _new_items(results),
        *_rare_targets(results),
        *gains_told(results),
        *kinds_told(results),
        _cost(results),
        *_endings(results),
    ]
    return [verdict for verdict in out if verdict is not None]


def _elsewhere(results: Results) -> list[str]:
    """Models that are neither a column of every comparison nor one of several teachers."""
    members = {share.name for share in results.shares}
    return [name for name in results.models if name not in COLUMNS and name not in members]


def _above(difference: Difference) -> bool:
    return difference.low > 0 and difference.users >= FEWEST


def _below(difference: Difference) -> bool:
    return difference.high < 0 and difference.users >= FEWEST


def _span(difference: Difference) -> str:
    return (
        f"{signed(difference.value)} (95 % interval {signed(difference.low)} to {signed(difference.high)}, "
        f"{difference.users:,} users)"
    )


def _judged(  # noqa: PLR0913
    results: Results, found: Difference | None, better: str, worse: str, unclear: str, advice: str = ""
) -> Verdict | None:
    """One of three sentences by the interval; `advice` follows the second.

    Open where whoever is behind, or may be, was not trained to its end; who is ahead would be so all the more.
    """
    if found is None:
        return None
    behind = (found.second,) if _above(found) else (found.first,) if _below(found) else (found.first, found.second)
    if why := unsettled(results.endings, behind):
        text = f"{better}? No conclusion: {why} (raise max_updates or max_epochs). So far: {_span(found)}."
        return Verdict(tone="open", text=text)
    if _above(found):
        return Verdict(tone="good", text=f"{better}: {_span(found)}.")
    if _below(found):
        return Verdict(tone="bad", text=f"{worse}: {_span(found)}.{advice}")
    return Verdict(tone="open", text=f"{unclear}: {_span(found)}.")


def _against(results: Results, table: Table, metric: str, model: str, rival: str) -> Verdict | None:
    """A model against what it must beat to be worth anything."""
    title, name = results.metrics[metric], title_of(rival)
    return _judged(
        results,
        table.difference(metric, model, rival),
        f"The {model} beats {name} in {title}",
        f"The {model} loses to {name} in {title}",
        f"The {model} cannot be told from {name} in {title}",
        ADVICE.get(rival, ""),
    )


def _distillation(results: Results, table: Table, metric: str) -> Verdict | None:
    title = results.metrics[metric]
    return _judged(
        results,
        table.difference(metric, "student", "undistilled"),
        f"Distillation gained in {title}",
        f"Distillation lost in {title}",
        f"The gain of distillation cannot be told from zero in {title}",
        " The undistilled student is better.",
    )


def _together(results: Results, table: Table, metric: str) -> Verdict | None:
    """Several teachers against the best of them on this test, which is a stricter rival than one named before."""
    names = [share.name for share in results.shares if share.name in table.cells[metric]]
    if not names:
        return None
    best, title = max(names, key=lambda name: table.cells[metric][name].mean), results.metrics[metric]
    return _judged(
        results,
        table.difference(metric, "teacher", best),
        f"The teachers together beat the best of them, {best}, in {title}",
        f"The teachers together lose to the best of them, {best}, in {title}",
        f"The teachers together cannot be told from the best of them, {best}, in {title}",
        " Leave out those that give nothing.",
    )


def _beside_the_student(results: Results, table: Table, metric: str) -> Verdict | None:
    """What became of a teacher that went on learning while it taught."""
    title = results.metrics[metric]
    return _judged(
        results,
        table.difference(metric, "joint-teacher", "teacher"),
        f"The teacher gained by learning beside the student in {title}",
        f"The teacher lost by learning beside the student in {title}",
        f"What the teacher learned beside the student cannot be told from zero in {title}",
    )


def _idle(results: Results) -> list[Verdict]:
    """Teachers that cost a training and give nothing."""
    return [Verdict(tone="note", text=adds_nothing(share.name)) for share in results.shares if share.weight == 0]


def adds_nothing(name: str) -> str:
    """What to say of one of several teachers whose weight is zero."""
    return (
        f"{name} adds nothing to the sum of the teachers: its weight (which validation data chose, unless the recipe "
        "gives it) is 0. Leave it out to save its training and its part of the teacher's vectors."
    )


def _beyond_the_start(results: Results, table: Table, metric: str) -> Verdict | None:
    """What the losses add to a student that starts from the teacher and learns from clicks alone."""
    title, start = results.metrics[metric], "a student that only starts from the teacher"
    return _judged(
        results,
        table.difference(metric, "student", "initialised"),
        f"Its losses gained over {start} in {title}",
        f"Its losses lost against {start} in {title}",
        f"Its losses cannot be told from {start} in {title}",
    )


def _retention(results: Results, table: Table) -> Verdict | None:
    q = table.ratio("Q", "ndcg@10")
    if q is None or q.value is None:
        return None
    g = table.ratio("G", results.main_metric)
    recovered = ""
    if g is not None:
        recovered = f"; gain recovered G = {g.value:.2f}" if g.value is not None else f"; G {g.reason}"
    why = unsettled(results.endings, ("student", "teacher", "undistilled"))
    text = f"The student keeps Q = {q.value:.3f} of the teacher's nDCG@10 ({q.low:.3f} to {q.high:.3f}){recovered}"
    return Verdict(tone="note", text=f"{text}; not final: {why}." if why else f"{text}.")


def _nothing_to_give(results: Results, table: Table, metric: str) -> Verdict | None:
    """Where the teacher does not beat the undistilled student, distillation had no gap to close."""
    found = table.difference(metric, "teacher", "undistilled")
    if found is None or _above(found) or unsettled(results.endings, ("teacher", "undistilled")):
        return None
    text = "The teacher does not beat the undistilled student, so there is no gap that distillation could close here."
    return Verdict(tone="bad" if _below(found) else "open", text=text)


def _seen_items(results: Results, metric: str) -> Verdict | None:
    """Where people click again what they know: what leaving seen items out does to every figure."""
    every = next((table for table in results.tables if table.key == "test-all"), None)
    best = next((name for name in ("student", "teacher", "undistilled") if name in results.models), None)
    if every is None or best is None:
        return None
    share, title = float(results.data.get("targets clicked before", 0.0)), results.metrics[metric]
    without, among = (table.cells[metric][best].mean for table in (results.test, every))
    text = (
        f"{share:.1%} of the test's targets had been clicked before by their user. With seen items left out (the "
        f"target itself never is) {title_of(best)} has {without:.4f} {title}, among all items "
        f"{among:.4f}. recommend() leaves seen items out, and so never shows a repeated target, unless asked with "
        f"seen=True; {_of_repeats(results)}"
    )
    return Verdict(tone="note", text=text)


def _of_repeats(results: Results) -> str:
    """The numbers of repeat terms, or that there is none."""
    if not results.repeats:
        return "repeat_term in [teacher] and [student] learns how often people come back."
    learned = []
    for model, numbers in results.repeats.items():
        by_age = (f"{signed(number)} ({age})" for age, number in zip(NAMES, numbers, strict=True))
        learned.append(f"{title_of(model)} {', '.join(by_age)}")
    return f"the repeat terms, by clicks since the item's last: {'; '.join(learned)}."


def _transitions(results: Results) -> Verdict | None:
    """Which models have a transition term, and what it gives: their figures are not those of their vectors alone."""
    if not results.transition_factors:
        return None
    gain, title = results.transition_gain, results.metrics[results.main_metric]
    given = "" if gain is None else f" It gives the student {_span(gain)} {title}."
    each = ", ".join(f"{title_of(name)} {factor:g}" for name, factor in results.transition_factors.items())
    text = (
        "The transition term adds to the scores of items that followed those of the history in the training clicks."
        f"{given} The factors, as validation data had each model best: {each}."
    )
    return Verdict(tone="note", text=text)


def _new_items(results: Results) -> Verdict | None:
    """New items, where nothing but the encoder helps: the student beside its teacher, ranked among the new."""
    table = next((table for table in results.tables if table.key == "new-new"), None)
    q = table.ratio("Q", "ndcg@10") if table is not None else None
    if table is None or q is None:
        return None
    if q.value is None:
        return Verdict(tone="open", text=f"On new items, {q.reason} ({table.users:,} users).")
    text = f"On new items, ranked among the new, the student keeps Q = {q.value:.3f} of the teacher's nDCG@10"
    return Verdict(tone="note", text=f"{text} ({q.low:.3f} to {q.high:.3f}, {table.users:,} users).")


def _rare_targets(results: Results) -> list[Verdict]:
    """Distillation is known to cost unpopular items: said by recall@100 and the rank percentile, where clear."""
    open_end = unsettled(results.endings, ("student", "undistilled"))
    sliced = results.sliced_by(POPULARITY)
    if results.protocol != "catalogue" or sliced is None or open_end:
        return []
    rarest, out = sliced.slices[0], []
    for metric in ("recall@100", "percentile"):
        found = rarest.table.difference(metric, "student", "undistilled")
        if found is None or not (_above(found) or _below(found)):
            continue
        tone, verb = ("good", "gained") if _above(found) else ("bad", "lost")
        text = f"On the rarest targets ({rarest.name} training clicks) distillation {verb} in "
        text += f"{results.metrics[metric]}: {_span(found)}."
        out.append(Verdict(tone=tone, text=text))
    return out


def _cost(results: Results) -> Verdict | None:
    """What the student saves, and what it does not."""
    student, teacher = results.costs.get("student"), results.costs.get("teacher")
    if student is None or teacher is None:
        return None
    parts = []
    if student.items_per_second and teacher.items_per_second:
        parts.append(f"encodes new items {faster(student, teacher)}")
    if student.private_bytes and teacher.private_bytes:
        parts.append(f"serves in {student.private_bytes / teacher.private_bytes:.0%} of the private memory")
    if not parts:
        return None
    request, how = "", "with cached vectors" if teacher.cached else "of pairs of history and candidate"
    if student.p50_ms and teacher.p50_ms:
        request = f"; a request takes {student.p50_ms:.2f} ms, the teacher's {how} {teacher.p50_ms:,.2f} ms"
    return Verdict(tone="note", text=f"The student {' and '.join(parts)}{request}.")


def _endings(results: Results) -> list[Verdict]:
    told = (summary_of(results.endings), levels_told(results.endings))
    return [Verdict(tone="note", text=text) for text in told if text]
