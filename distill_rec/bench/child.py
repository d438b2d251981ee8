"""The process that measures one setting of threads: settings as JSON on stdin, findings as JSON on stdout.

The BLAS reads its number of threads when it is loaded, so each setting needs a process that is started with it.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from distill_rec.bench.results import Case, Limits, Measured, Settings
from distill_rec.bench.timing import Times, interleave, ready
from distill_rec.bench.work import work_per_text
from distill_rec.evaluation.serving_cost import memory
from distill_rec.runtime import Student

LIMITS_SHARE = 0.15
"""Of the seconds, for what the machine itself reaches."""


def load(settings: Settings, threads: int) -> Student:
    """The student, at this number of threads."""
    options: dict[str, Any] = {} if settings.precision is None else {"precision": settings.precision}
    return Student.load(settings.artifact, threads=threads, dim=settings.dim, **options)


def serve(settings: Settings) -> dict[str, int]:
    """Memory after a few requests of each kind."""
    from distill_rec.bench.cases import make_calls

    loaded: dict[str, Any] = {"precision": settings.precision, "dim": settings.dim}
    small = Settings(settings.artifact, batches=(1,), histories=settings.histories, **loaded)
    for call in make_calls(load(settings, 1), small, 1).values():
        for number in range(20):
            ready(call, number)()
    return memory()


def measure(settings: Settings, threads: int, seconds: float) -> dict[str, Any]:
    """Limits and times."""
    from distill_rec.bench.cases import make_calls
    from distill_rec.bench.inputs import new_texts
    from distill_rec.bench.limits import measure_limits

    student = load(settings, threads)
    items = sorted({len(student.item_ids), *settings.items})
    batches = [batch for batch in settings.batches if batch > 1]
    limits = measure_limits(threads, student.info.dim, items, batches, seconds * LIMITS_SHARE)
    calls = make_calls(student, settings, threads)
    times = interleave(list(calls.values()), settings.rounds, seconds * (1 - LIMITS_SHARE))
    text_work = work_per_text(student.info.folder, new_texts(student, seed=1).take(256))
    found = [measured(case, one, limits, student.info.dim, text_work) for case, one in zip(calls, times, strict=True)]
    return {"limits": asdict(limits), "cases": [asdict(one) for one in found]}


def measured(case: Case, times: Times, limits: Limits, dim: int, text_work: float | None) -> Measured:
    """A case's figures, with the share of the limit that holds for it."""
    p50 = times.percentile_ms(50)
    limit, work, best = "", None, None
    if case.operation == "encode_items" and text_work is not None:
        limit, work, best = "product", text_work * case.batch, limits.product_gflop_s
    elif case.operation == "search":
        limit, work, best = "read", 4.0 * dim * case.items, limits.read_of[case.items]
    elif case.operation == "search_many":
        limit, work, best = "product", 2.0 * dim * case.items * case.batch, limits.product_of[case.batch]
    reached = None if work is None else work / (p50 / 1e3) / 1e9
    return Measured(
        case=case,
        calls=len(times.seconds),
        p50_ms=p50,
        p90_ms=times.percentile_ms(90),
        p99_ms=times.percentile_ms(99),
        round_p50_ms=times.medians_ms(),
        per_second=times.calls_a_second() * case.batch,
        limit=limit,
        work=work,
        reached=reached,
        share=None if reached is None or not best else reached / best,
    )


def main() -> None:
    """Read the request: settings, threads, seconds; without seconds, memory is measured alone."""
    request = json.load(sys.stdin)
    lists = {name: tuple(value) for name, value in request["settings"].items() if isinstance(value, list)}
    settings = Settings(**{**request["settings"], **lists})
    seconds = request["seconds"]
    print(json.dumps(measure(settings, request["threads"], seconds) if seconds else serve(settings)))


if __name__ == "__main__":
    main()
