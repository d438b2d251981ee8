"""What may be said of a comparison, in plain sentences: an interval that includes 0 claims nothing."""

from __future__ import annotations

from distill_rec.evaluation.results import Difference, Results, Table, Verdict

RIVALS = {
    "popularity": "popularity",
    "untrained": "the untrained PLM",
    "undistilled": "the student trained without it",
}


def verdicts(results: Results) -> list[Verdict]:
    """Of the teacher against what it must beat, of distillation, and of what the student keeps."""
    table, metric = results.test, results.main_metric
    out = [_teacher(results, table, metric, rival) for rival in RIVALS if rival in results.models]
    out.append(_distillation(results, table, metric))
    out.append(_retention(results, table))
    return [verdict for verdict in out if verdict is not None]


def _span(difference: Difference) -> str:
    return (
        f"{difference.value:+.4f} (95 % interval {difference.low:+.4f} to {difference.high:+.4f}, "
        f"{difference.users:,} users)"
    )


def _teacher(results: Results, table: Table, metric: str, rival: str) -> Verdict | None:
    found = table.difference(metric, "teacher", rival)
    if found is None:
        return None
    title, name = results.metrics[metric], RIVALS[rival]
    if found.low > 0:
        return Verdict(tone="good", text=f"The teacher beats {name} in {title}: {_span(found)}.")
    if found.high < 0:
        return Verdict(tone="bad", text=f"The teacher loses to {name} in {title}: {_span(found)}.")
    return Verdict(tone="open", text=f"The teacher cannot be told from {name} in {title}: {_span(found)}.")


def _distillation(results: Results, table: Table, metric: str) -> Verdict | None:
    found = table.difference(metric, "student", "undistilled")
    if found is None:
        return None
    title = results.metrics[metric]
    if found.low > 0:
        return Verdict(tone="good", text=f"Distillation gained in {title}: {_span(found)}.")
    if found.high < 0:
        return Verdict(
            tone="bad", text=f"Distillation lost in {title}: {_span(found)}. The undistilled student is better."
        )
    return Verdict(tone="open", text=f"The gain of distillation cannot be told from nought in {title}: {_span(found)}.")


def _retention(results: Results, table: Table) -> Verdict | None:
    q = table.ratio("Q", "ndcg@10")
    if q is None or q.value is None:
        return None
    g = table.ratio("G", results.main_metric)
    recovered = ""
    if g is not None:
        recovered = f"; gain recovered G = {g.value:.2f}" if g.value is not None else f"; G {g.reason}"
    return Verdict(
        tone="note",
        text=f"The student keeps Q = {q.value:.3f} of the teacher's nDCG@10 ({q.low:.3f} to {q.high:.3f}){recovered}.",
    )
