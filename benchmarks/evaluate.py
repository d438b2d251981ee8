"""Time and memory to evaluate four models on impressions, beside ir-measures (trec_eval).

    python benchmarks/evaluate.py --rounds 3

73,000 impressions of 37 candidates of 50,000 users, as many as MIND-small's dev has, with drawn scores that never tie.
Each contender is a process of its own with one thread, which has the scores as arrays before its clock starts; what
it makes of them, dictionaries for instance, is part of its time and memory. Contenders take turns; a ratio is the
median of the rounds', in seconds of the processor, which other work on the machine changes least. `ours` and
`ir_measures` find nDCG@5, nDCG@10 and the reciprocal rank of the first click of every impression, and must find the
same. `comparison` is all that `distill-rec evaluate` does with scores: five metrics, means over users, 2000 paired
resamples, differences, ratios, slices, agreement. A library that is not installed is left out. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from interleaved import rounded, say, with_threads

MODELS = ("undistilled", "initialised", "student", "teacher")
METRICS = ("ndcg@5", "ndcg@10", "mrr_first")


@dataclass(frozen=True)
class Drawn:
    """Flat arrays of all candidates; impression r holds `offsets[r]:offsets[r + 1]`."""

    offsets: Any
    labels: Any
    users: Any
    scores: dict[str, Any]


def draw(impressions: int, candidates: int, users: int) -> Drawn:
    """One to three clicks each; a model's scores are a permutation, by which none ties, pulled towards the clicks."""
    import numpy as np

    random = np.random.default_rng(0)
    total = impressions * candidates
    labels = np.zeros((impressions, candidates), dtype=np.int8)
    for click in range(3):
        some = np.flatnonzero(random.random(impressions) < (1.0, 0.3, 0.1)[click])
        labels[some, random.integers(0, candidates, len(some))] = 1
    flat = labels.ravel()
    scores = {}
    for place, name in enumerate(MODELS):
        pulled = random.normal(size=total) + flat * (0.4 + 0.1 * place)
        ranks = np.empty(total, dtype=np.float32)
        ranks[np.argsort(pulled)] = np.arange(total, dtype=np.float32) * np.float32(1e-6)
        scores[name] = ranks
    offsets = np.arange(impressions + 1, dtype=np.int64) * candidates
    return Drawn(offsets, flat, np.sort(random.integers(0, users, impressions)).astype(np.int32), scores)


def ours(drawn: Drawn) -> dict[str, Any]:
    from distill_rec.evaluation.metrics import IMPRESSIONS, rank_impressions

    out = {}
    for name, scores in drawn.scores.items():
        ranks = rank_impressions(scores, drawn.labels, drawn.offsets, name)
        out[name] = {metric: IMPRESSIONS[metric].values(ranks) for metric in METRICS}
    return out


def ir_measures(drawn: Drawn) -> dict[str, Any]:
    import ir_measures as library
    import numpy as np

    names = {"nDCG@5": "ndcg@5", "nDCG@10": "ndcg@10", "RR": "mrr_first"}
    measures = [library.parse_measure(name) for name in names]
    judged = as_dicts(drawn, drawn.labels.tolist())
    evaluator, out = library.evaluator(measures, judged), {}
    for name, scores in drawn.scores.items():
        found = {metric: np.empty(len(drawn.users)) for metric in METRICS}
        for one in evaluator.iter_calc(as_dicts(drawn, scores.tolist())):
            found[names[str(one.measure)]][int(one.query_id)] = one.value
        out[name] = found
    return out


def as_dicts(drawn: Drawn, values: list[Any]) -> dict[str, dict[str, Any]]:
    """What the library takes."""
    ends = drawn.offsets.tolist()
    names = [f"d{place}" for place in range(ends[1])]
    return {str(row): dict(zip(names, values[ends[row] : ends[row + 1]], strict=True)) for row in range(len(ends) - 1)}


@dataclass(frozen=True)
class Held:
    """A model whose scores of every candidate lie in an array."""

    name: str
    values: Any
    offsets: Any

    def scores(self, history: Any, candidates: Any) -> Any:
        raise NotImplementedError

    def scores_of(self, samples: Any, rows: Any, candidates: Any) -> Any:
        return self.values[self.offsets[rows[0]] : self.offsets[rows[-1] + 1]]


def comparison(drawn: Drawn) -> dict[str, Any]:
    import numpy as np

    from distill_rec.data.dataset import Impressions
    from distill_rec.data.ragged import Ragged
    from distill_rec.evaluation.compare import compare
    from distill_rec.recipe import EvaluateSection

    n, items = len(drawn.users), np.random.default_rng(1).integers(0, 5000, len(drawn.labels)).astype(np.int32)
    none = Ragged(np.empty(0, np.int32), np.zeros(n + 1, np.int64))
    samples = Impressions(
        user=drawn.users,
        time=np.zeros(n, np.int64),
        history=none,
        candidates=Ragged(items, drawn.offsets),
        labels=Ragged(drawn.labels, drawn.offsets),
    )
    models = {name: Held(name, scores, drawn.offsets) for name, scores in drawn.scores.items()}
    results = compare(models, dataset_of(samples), EvaluateSection(examples=0))
    return {name: {metric: results.test.cells[metric][name].mean for metric in METRICS} for name in MODELS}


def dataset_of(samples: Any) -> Any:
    """Five thousand items without a name that matters, and these samples as the test."""
    import numpy as np
    import polars as pl

    from distill_rec.data.dataset import Dataset

    ids = [f"i{item}" for item in range(5000)]
    return Dataset(
        kind="impressions",
        items=pl.DataFrame({"item_id": ids, "title": ids, "text": ids}),
        users=pl.DataFrame({"user_id": [f"u{user}" for user in range(int(samples.user.max()) + 1)]}),
        texts=ids,
        item_text=np.arange(5000, dtype=np.int32),
        train_clicks=np.random.default_rng(2).integers(0, 200, 5000).astype(np.int32),
        new=np.zeros(5000, dtype=np.bool_),
        train=samples.take(np.arange(0)),
        validation=samples.take(np.arange(0)),
        test=samples,
        test_new=None,
        max_history=50,
        template="{title}",
        fingerprint="drawn",
    )


CONTENDERS: dict[str, Callable[[Drawn], dict[str, Any]]] = {
    "ours": ours,
    "comparison": comparison,
    "ir_measures": ir_measures,
}


def child(name: str, sizes: list[int]) -> None:
    """Run one contender; prints its seconds, the memory that it took beyond the arrays, and its means."""
    import numpy as np

    drawn = draw(*sizes)
    CONTENDERS[name](draw(50, sizes[1], 40))  # imports, and what is compiled, are not what is compared
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, busy = time.perf_counter(), time.process_time()
    found = CONTENDERS[name](drawn)
    took, worked = time.perf_counter() - began, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    means = {model: {metric: float(np.mean(of[metric])) for metric in METRICS} for model, of in found.items()}
    print(json.dumps({"seconds": took, "cpu_seconds": worked, "mib": (peak - before) / 1024, "means": means}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--impressions", type=int, default=73_000)
    parser.add_argument("--candidates", type=int, default=37)
    parser.add_argument("--users", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    with_threads(1)
    sizes = [args.impressions, args.candidates, args.users]
    if args.child:
        child(args.child, sizes)
        return
    names = [name for name in CONTENDERS if name in ("ours", "comparison") or importlib.util.find_spec(name)]
    command = [sys.executable, __file__, *map(str, (f"--impressions={sizes[0]}", f"--candidates={sizes[1]}"))]
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for number in range(args.rounds):
        for name in names:
            say(f"round {number + 1}: {name}")
            done = subprocess.run(
                [*command, f"--users={sizes[2]}", f"--child={name}"], stdout=subprocess.PIPE, text=True, check=True
            )
            found[name].append(json.loads(done.stdout.splitlines()[-1]))
    print(json.dumps(told(found, sizes), indent=2))


def told(found: dict[str, list[dict[str, Any]]], sizes: list[int]) -> dict[str, Any]:
    """Medians, ratios with `ours`, and whether all found the same."""
    result: dict[str, Any] = {"impressions": sizes[0], "candidates": sizes[1], "users": sizes[2], "models": len(MODELS)}
    mine = [one["cpu_seconds"] for one in found["ours"]]
    for name, rounds in found.items():
        seconds = [one["cpu_seconds"] for one in rounds]
        result[name] = {
            key: rounded(statistics.median(one[key] for one in rounds)) for key in ("seconds", "cpu_seconds", "mib")
        }
        if name == "ir_measures":
            result[name]["times_ours"] = rounded(statistics.median(a / b for a, b in zip(seconds, mine, strict=True)))
            apart = (
                abs(rounds[0]["means"][model][metric] - found["ours"][0]["means"][model][metric])
                for model in MODELS
                for metric in METRICS
            )
            result[name]["largest_difference_of_means"] = rounded(max(apart))
    return result


if __name__ == "__main__":
    main()
