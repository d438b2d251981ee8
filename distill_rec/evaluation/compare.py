"""The comparison: every model by the same protocol on the same samples, and what may be said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from distill_rec.data.cautions import REPEATED
from distill_rec.data.dataset import Dataset, Queries
from distill_rec.data.labels import Labels
from distill_rec.evaluation.columns import ordered
from distill_rec.evaluation.further import calibrations_of, tell_lists
from distill_rec.evaluation.metrics import CATALOGUE, IMPRESSIONS
from distill_rec.evaluation.protocol import PerSample, Samples, evaluate, evaluate_both, user_means
from distill_rec.evaluation.results import AtLevel, Difference, Ending, ModelCost, Results, Share, Table, Verdict
from distill_rec.evaluation.scorer import DotScorer, Scorer
from distill_rec.evaluation.slicings import slicings_of
from distill_rec.evaluation.tables import build, difference_of
from distill_rec.evaluation.verdicts import verdicts
from distill_rec.progress import Progress, Quiet, Task
from distill_rec.recipe import EvaluateSection


def compare(
    scorers: Mapping[str, Scorer | Sequence[Scorer]],
    dataset: Dataset,
    section: EvaluateSection,
    *,
    name: str = "run",
    costs: dict[str, ModelCost] | None = None,
    curves: dict[str, list[tuple[float, float]]] | None = None,
    losses: dict[str, list[tuple[float, float]]] | None = None,
    endings: dict[str, list[Ending]] | None = None,
    shares: Mapping[str, tuple[float, Scorer | str | None]] | None = None,
    levels: Mapping[float, Scorer] | None = None,
    labels: Sequence[Labels] = (),
    probabilities: Mapping[str, NDArray[np.float64]] | None = None,
    remarks: Sequence[str] = (),
    progress: Progress | None = None,
) -> Results:
    """Evaluate models on the test (and on new items where there are some).

    Args:
        scorers: by name, anything with scores; several seeds of a model as a sequence, whose values are averaged.
        dataset: test samples, training clicks, new items.
        section: resamples, most users, examples, seed.
        costs, curves, losses: shown beside the figures.
        shares: of several teachers each one's weight, and the sum without it, or the model's name that it ranks as.
        levels: the student with new items at each of these levels, its own first.
        endings: what ended each model's trainings; verdicts on one that was still getting better stay open.
        labels: columns that the test is sliced by.
        probabilities: of a click, for each candidate of the test's impressions, by models that predict it.
        remarks: sentences that follow the verdicts.

    Raises:
        DataError: a model gives scores that are not finite, or the test is empty.
    """
    seeds = {key: _seeds(scorers[key]) for key in ordered(scorers)}
    samples = drawn(dataset.test, section)
    registry = CATALOGUE if isinstance(samples, Queries) else IMPRESSIONS
    further = _further_tables(dataset, section)
    total = sum(len(found) for found in seeds.values()) * (1 + len(further))
    with (progress or Quiet()).task("evaluating", total) as task:
        if isinstance(samples, Queries) and _ranks_seen(dataset, section):
            found, every = _evaluate_both(seeds, samples, dataset, task)
            tables = [_table("test", "test", found, section)]
            tables.append(_table("test-all", "test, all items ranked, seen ones too", every, section))
        else:
            found = _evaluate(seeds, samples, dataset, task)
            tables = [_table("test", "test", found, section)]
        for key, title, part, options in further:
            tables.append(_table(key, title, _evaluate(seeds, part, dataset, task, **options), section))
    results = Results(
        name=name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        protocol="catalogue" if isinstance(samples, Queries) else "impressions",
        grouping="one target, the full catalogue, seen items left out"
        if isinstance(samples, Queries)
        else "by impression",
        models=list(seeds),
        seeds={key: len(value) for key, value in seeds.items()},
        metrics={key: metric.title for key, metric in registry.items()},
        main_metric="ndcg@10" if isinstance(samples, Queries) else "auc",
        resamples=section.bootstrap,
        data=_facts(dataset),
        tables=[table for table in tables if table is not None],
        costs=costs or {},
        curves=curves or {},
        losses=losses or {},
        endings=endings or {},
        repeats=_repeats(seeds),
        transition_factors=_transition_factors(seeds),
    )
    users = max(map(len, seeds.values())) * min(section.list_users, len(np.unique(samples.user)))
    with (progress or Quiet()).task("looking at lists of users", users) as task:
        tell_lists(results, seeds, samples, dataset, section, task)
    results.calibrations = calibrations_of(probabilities or {}, dataset, section)
    results.slicings = slicings_of(found, samples, dataset, section, labels)
    if shares:
        with (progress or Quiet()).task("evaluating without each teacher", len(shares)) as task:
            results.shares = _shares(shares, found, samples, dataset, section, results.main_metric, task)
    if levels and dataset.test_new is not None:
        with (progress or Quiet()).task("evaluating new items at other levels", len(levels)) as task:
            results.new_levels = _at_levels(levels, samples, drawn(dataset.test_new, section), dataset, task)
    results.transition_gain = _of_the_term(
        seeds.get("student", []), found, samples, dataset, section, results.main_metric
    )
    results.verdicts = [*verdicts(results), *(Verdict(tone="open", text=text) for text in remarks)]
    results._per_user = per_user(found, dataset)
    return results


def _seeds(scorers: Scorer | Sequence[Scorer]) -> list[Scorer]:
    return [scorers] if isinstance(scorers, Scorer) else list(scorers)


def drawn(samples: Samples, section: EvaluateSection) -> Samples:
    """All samples of at most so many users."""
    users = np.unique(samples.user)
    if section.max_users is None or len(users) <= section.max_users:
        return samples
    chosen = np.random.default_rng(section.seed).choice(users, section.max_users, replace=False)
    return samples.take(np.flatnonzero(np.isin(samples.user, chosen)))


def _ranks_seen(dataset: Dataset, section: EvaluateSection) -> bool:
    """Whether the test has a second table, in which items that a user had seen are candidates too."""
    often = section.seen_items == "auto" and (dataset.repeated_targets or 0.0) > REPEATED
    return often or section.seen_items == "both"


def _further_tables(dataset: Dataset, section: EvaluateSection) -> list[tuple[str, str, Samples, dict[str, bool]]]:
    """Key, title, samples and options of each table of new items."""
    if dataset.test_new is None:
        return []
    new = drawn(dataset.test_new, section)
    return [
        ("new-all", "new items, ranked among all", new, {"among_new": False}),
        ("new-new", "new items, ranked among the new", new, {"among_new": True}),
    ]


def _evaluate_both(
    seeds: dict[str, list[Scorer]], samples: Queries, dataset: Dataset, task: Task
) -> tuple[dict[str, list[PerSample]], dict[str, list[PerSample]]]:
    """With seen items left out, and with all items ranked."""
    left_out: dict[str, list[PerSample]] = {name: [] for name in seeds}
    every: dict[str, list[PerSample]] = {name: [] for name in seeds}
    for name, scorers in seeds.items():
        for scorer in scorers:
            one, other = evaluate_both(scorer, samples, dataset)
            left_out[name].append(one)
            every[name].append(other)
            task.advance()
    return left_out, every


def _evaluate(
    seeds: dict[str, list[Scorer]], samples: Samples, dataset: Dataset, task: Task, **options: bool
) -> dict[str, list[PerSample]]:
    out: dict[str, list[PerSample]] = {}
    for name, scorers in seeds.items():
        out[name] = []
        for scorer in scorers:
            out[name].append(evaluate(scorer, samples, dataset, **options))
            task.advance()
    return out


def _table(key: str, title: str, found: dict[str, list[PerSample]], section: EvaluateSection) -> Table | None:
    first = next(iter(found.values()))[0]
    empty = int(np.isnan(next(iter(first.values.values()))).sum())
    left_out = {"without a click, or with only clicks": empty} if empty else {}
    return build(key, title, found, resamples=section.bootstrap, seed=section.seed, left_out=left_out)


def _repeats(seeds: Mapping[str, Sequence[Scorer]]) -> dict[str, list[float]]:
    first = {name: scorers[0] for name, scorers in seeds.items()}
    return {
        name: [round(float(number), 3) for number in one.repeat]
        for name, one in first.items()
        if isinstance(one, DotScorer) and one.repeat is not None
    }


def _transition_factors(seeds: Mapping[str, Sequence[Scorer]]) -> dict[str, float]:
    first = {name: scorers[0] for name, scorers in seeds.items()}
    return {
        name: one.transitions.factor
        for name, one in first.items()
        if isinstance(one, DotScorer) and one.transitions is not None
    }


def _of_the_term(  # noqa: PLR0913
    student: Sequence[Scorer],
    found: dict[str, list[PerSample]],
    samples: Samples,
    dataset: Dataset,
    section: EvaluateSection,
    metric: str,
) -> Difference | None:
    """What the student has more with its transition term; None where a seed of it has none."""
    without = [replace(one, transitions=None) for one in student if isinstance(one, DotScorer) and one.transitions]
    if not without or len(without) < len(student):
        return None
    plain = [evaluate(one, samples, dataset) for one in without]
    names = "student", "student without the term"
    return difference_of(metric, found["student"], plain, names, resamples=section.bootstrap, seed=section.seed)


def _shares(  # noqa: PLR0913
    shares: Mapping[str, tuple[float, Scorer | str | None]],
    found: dict[str, list[PerSample]],
    samples: Samples,
    dataset: Dataset,
    section: EvaluateSection,
    metric: str,
    task: Task,
) -> list[Share]:
    out = []
    for name, (weight, without) in shares.items():
        gain = None
        if without is not None:
            rest = found[without] if isinstance(without, str) else [evaluate(without, samples, dataset)]
            names = ("teacher", f"teacher without {name}")
            gain = difference_of(metric, found["teacher"], rest, names, resamples=section.bootstrap, seed=section.seed)
        out.append(Share(name=name, weight=weight, gain=gain))
        task.advance()
    return out


def _at_levels(
    levels: Mapping[float, Scorer], samples: Samples, new: Samples, dataset: Dataset, task: Task
) -> list[AtLevel]:
    def mean(scorer: Scorer, part: Samples, metric: str) -> float:
        found = evaluate(scorer, part, dataset)
        return float(user_means(found.user, found.values[metric]).mean())

    out = []
    for number, (level, scorer) in enumerate(levels.items()):
        known, those = mean(scorer, samples, "ndcg@10"), mean(scorer, new, "recall@100")
        out.append(AtLevel(level=level, own=number == 0, known=known, new=those))
        task.advance()
    return sorted(out, key=lambda one: one.level)


def _facts(dataset: Dataset) -> dict[str, str | int | float]:
    lengths: NDArray[np.int64] = dataset.test.history.lengths
    facts: dict[str, str | int | float] = {
        "items": dataset.n_items,
        "items without a training click": int((dataset.train_clicks == 0).sum()),
        "new items": int(dataset.new.sum()),
        "test samples": len(dataset.test),
        "test users": len(np.unique(dataset.test.user)),
        "empty histories": round(float((lengths == 0).mean()), 4) if len(lengths) else 0.0,
    }
    if dataset.repeated_targets is not None:
        facts["targets clicked before"] = round(dataset.repeated_targets, 4)
    return facts


def per_user(found: dict[str, list[PerSample]], dataset: Dataset) -> pl.DataFrame:
    """`user_id, model, samples` and one column per metric: means over seeds, then over each user's samples."""
    ids = dataset.users["user_id"]
    frames = []
    for model, seeds in found.items():
        kept = ~np.isnan(next(iter(seeds[0].values.values())))
        users, counts = np.unique(seeds[0].user[kept], return_counts=True)
        values = {
            metric: user_means(seeds[0].user[kept], np.mean([seed.values[metric][kept] for seed in seeds], axis=0))
            for metric in seeds[0].values
        }
        columns = {"user_id": ids.gather(users), "model": [model] * len(users), "samples": counts}
        frames.append(pl.DataFrame(columns | values))
    return pl.concat(frames)
