"""What the transition term gives the models of a finished run, and what it costs a request.

    python benchmarks/transition_term.py runs/NAME

Student, undistilled student and each teacher rank the test without the term and with it, fitted on validation data as a
training fits it, whether or not the run's recipe asks for one. Where the exported student has a term, its requests are
timed beside those of the same student whose table was taken away, in turn, on one thread. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from interleaved import compare, rounded, say, with_threads

METRICS = ("ndcg@10", "recall@10", "recall@100")
KINDS = {"0": (0, 0), "1 to 5": (1, 5), "6 to 20": (6, 20), "21 and more": (21, 1 << 31)}
"""Of targets, by training clicks."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("--rounds", type=int, default=9, help="of the timed requests")
    parser.add_argument("--seconds", type=float, default=30.0, help="of all timed requests")
    args = parser.parse_args()
    with_threads(1)
    result = {"quality": quality(args.run)}
    if (args.run / "export" / "student").exists():
        result |= {"requests": requests(args.run, args.rounds, args.seconds)}
    print(json.dumps(result, indent=2))


def quality(run: Path) -> dict[str, Any]:
    from distill_rec.data import Dataset
    from distill_rec.evaluation.protocol import evaluate
    from distill_rec.training.transition_term import count_transitions, fit_transitions

    dataset = Dataset.load(run / "prepare")
    began = time.perf_counter()
    counted = count_transitions(dataset)
    out: dict[str, Any] = {"seconds to count": rounded(time.perf_counter() - began)}
    found = {}
    for name, (scorer, student) in scorers_of(run, dataset).items():
        say(name)
        began = time.perf_counter()
        term = fit_transitions(scorer, dataset, counted, only_if_sure=student)
        took = time.perf_counter() - began
        pair = [evaluate(replace(scorer, transitions=one), dataset.test, dataset) for one in (None, term)]
        found[name] = pair
        told = {"factor": None if term is None else term.factor, "seconds to fit": rounded(took)}
        out[name] = told | {metric: differences(*pair, metric) for metric in METRICS}
        out[name] |= {"by clicks of the target": by_clicks(*pair)}
    ours, theirs = found["student"], found["undistilled"]
    for place, key in enumerate(("without", "with")):
        out[f"student less undistilled, {key}"] = {
            metric: differences(theirs[place], ours[place], metric) for metric in METRICS
        }
    return out


def scorers_of(run: Path, dataset: Any) -> dict[str, tuple[Any, bool]]:
    """Models of vectors, and whether each is a student."""
    from distill_rec.evaluation.scorer import DotScorer
    from distill_rec.student_model import load_student
    from distill_rec.teacher_model import Teacher

    teacher = Teacher.load(run / "teach")
    out: dict[str, tuple[Any, bool]] = {}
    for name in ("student", "undistilled"):
        out[name] = replace(load_student(run / "distill" / name).scorer(name), transitions=None), True
    out |= {name: (Teacher.load(teacher.folder / name).scorer(name), False) for name in teacher.members}
    if isinstance(whole := teacher.scorer_on(dataset, "test"), DotScorer):
        out["teacher"] = whole, False
    return out


def differences(before: Any, after: Any, metric: str) -> dict[str, Any]:
    from distill_rec.evaluation.bootstrap import interval_of_mean
    from distill_rec.evaluation.protocol import user_means

    old, new = (user_means(one.user, one.values[metric]) for one in (before, after))
    span = interval_of_mean(new - old)
    means = {"before": float(old.mean()), "after": float(new.mean()), "more": float((new - old).mean())}
    return {key: round(value, 4) for key, value in (means | {"low": span.low, "high": span.high}).items()}


def by_clicks(before: Any, after: Any) -> dict[str, Any]:
    """Mean over the samples."""
    out = {}
    for name, (low, high) in KINDS.items():
        kept = (before.target_clicks >= low) & (before.target_clicks <= high)
        if kept.any():
            values = {m: [round(float(one.values[m][kept].mean()), 4) for one in (before, after)] for m in METRICS}
            out[name] = {"targets": int(kept.sum())} | values
    return out


def requests(run: Path, rounds: int, seconds: float) -> dict[str, Any]:
    import numpy as np

    from distill_rec.data import Dataset
    from distill_rec.runtime import Student

    dataset = Dataset.load(run / "prepare")
    student, plain = (Student.load(run / "export" / "student", threads=1) for _ in range(2))
    if student.transition_term is None:
        return {"none": "the exported student has no transition term"}
    plain._transitions = None
    ids = student.item_ids
    drawn = np.random.default_rng(0).choice(len(dataset.test), min(4096, len(dataset.test)), replace=False)
    histories = [[ids[item] for item in row] for row in dataset.test.history.take(drawn)]
    candidates = [ids[row] for row in np.random.default_rng(1).choice(len(ids), min(100, len(ids)), replace=False)]
    each: dict[str, Callable[[Student, int], object]] = {
        "recommend 10": lambda one, n: one.recommend(histories[n % len(histories)], 10),
        "rank 100": lambda one, n: one.rank(histories[n % len(histories)], candidates),
        "recommend 10 to 64 users": lambda one, n: one.recommend_many(
            [histories[(64 * n + place) % len(histories)] for place in range(64)], 10
        ),
    }

    def calls(one: Student, call: Callable[[Student, int], object]) -> Callable[[int], object]:
        return lambda n: call(one, n)

    return {
        name: compare(
            {"without": calls(plain, call), "with": calls(student, call)}, rounds, seconds / len(each), 1, "without"
        )
        for name, call in each.items()
    }


if __name__ == "__main__":
    main()
