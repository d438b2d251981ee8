"""From per-sample values of all models to one table: means, intervals, differences, Q, Q' and G."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from distill_rec.evaluation.bootstrap import interval, resampled_means, spread_over
from distill_rec.evaluation.columns import COLUMNS
from distill_rec.evaluation.metrics import CATALOGUE, IMPRESSIONS
from distill_rec.evaluation.protocol import PerSample
from distill_rec.evaluation.results import Cell, Difference, Ratio, Table

Floats = NDArray[np.float64]
ByModel = Mapping[str, Sequence[PerSample]]
"""Per model, one entry per seed; all on the same samples."""

PAIRS = (
    ("student", "undistilled"),
    ("student", "initialised"),
    ("initialised", "undistilled"),
    ("student", "teacher"),
    ("student", "joint-teacher"),
    ("joint-teacher", "teacher"),
    ("teacher", "undistilled"),
    ("teacher", "popularity"),
    ("teacher", "transitions"),
    ("teacher", "untrained"),
    ("student", "popularity"),
    ("student", "transitions"),
)


def pairs_of(models: Sequence[str]) -> list[tuple[str, str]]:
    """Which models are compared: the pairs above, and teacher and student with each model of another name.

    Where there is neither, models of other names are compared with each other.
    """
    others = [name for name in models if name not in COLUMNS]
    pairs = [*PAIRS, *((first, name) for first in ("teacher", "student") for name in others)]
    found = [(first, second) for first, second in pairs if first in models and second in models]
    return found or [(first, second) for first, second in combinations(others, 2)]


class Means:
    """Means over users of every model and metric, and their resamples.

    Values are averaged over seeds first; then over the samples of each user.
    """

    def __init__(self, found: ByModel, rows: NDArray[np.bool_], resamples: int, seed: int) -> None:
        first = next(iter(found.values()))[0]
        self.metrics, self.models = list(first.values), list(found)
        kept = rows & np.all([~np.isnan(first.values[name]) for name in self.metrics], axis=0)
        self.samples = int(kept.sum())
        users, number = np.unique(first.user[kept], return_inverse=True)
        self.users = len(users)
        self.index = {(m, x): i for i, (m, x) in enumerate((m, x) for m in self.metrics for x in self.models)}
        per_sample = np.empty((self.samples, len(self.index)))
        self.spread: dict[tuple[str, str], float | None] = {}
        for (metric, model), column in self.index.items():
            seeds = np.stack([one.values[metric][kept] for one in found[model]])
            per_sample[:, column] = seeds.mean(axis=0)
            means = [_by_user(number, values[:, None], self.users).mean() for values in seeds]
            self.spread[metric, model] = spread_over(means) if self.users else None
        self.per_sample = per_sample.mean(axis=0) if self.samples else np.full(len(self.index), np.nan)
        per_user = _by_user(number, per_sample, self.users)
        self.mean = per_user.mean(axis=0) if self.users else np.full(len(self.index), np.nan)
        self.draws = resampled_means(per_user, resamples, seed)

    def of(self, metric: str, model: str) -> tuple[float, Floats]:
        """The mean and its resamples."""
        column = self.index[metric, model]
        return float(self.mean[column]), self.draws[:, column]


def _by_user(number: NDArray[np.int64], values: Floats, users: int) -> Floats:
    """Mean of `[n_samples, c]` over each user's samples, `[n_users, c]`."""
    counts = np.bincount(number, minlength=users)
    sums = np.stack([np.bincount(number, weights=column, minlength=users) for column in values.T], axis=1)
    return np.asarray(sums / np.maximum(counts, 1)[:, None])


def build(
    key: str,
    title: str,
    found: ByModel,
    *,
    rows: NDArray[np.bool_] | None = None,
    resamples: int = 2000,
    seed: int = 0,
    left_out: dict[str, int] | None = None,
) -> Table | None:
    """The table of the chosen samples (all where `rows` is not given); None where no sample has a value."""
    first = next(iter(found.values()))[0]
    means = Means(found, np.ones(len(first), dtype=bool) if rows is None else rows, resamples, seed)
    if not means.users:
        return None
    return Table(
        key=key,
        title=title,
        samples=means.samples,
        users=means.users,
        cells={metric: {model: _cell(means, metric, model) for model in means.models} for metric in means.metrics},
        differences=[_difference(means, metric, a, b) for metric in means.metrics for a, b in pairs_of(means.models)],
        ratios=ratios(means),
        left_out=left_out or {},
    )


def difference_of(
    metric: str, first: Sequence[PerSample], second: Sequence[PerSample], names: tuple[str, str], **draws: int
) -> Difference:
    """Paired difference of two models that need no column.

    Args:
        draws: `resamples` and `seed`.
    """
    rows = np.ones(len(first[0]), dtype=bool)
    means = Means(dict(zip(names, (first, second), strict=True)), rows, **draws)
    return _difference(means, metric, *names)


def _cell(means: Means, metric: str, model: str) -> Cell:
    mean, draws = means.of(metric, model)
    low, high = interval(draws)
    return Cell(
        mean=mean,
        low=low,
        high=high,
        mean_samples=float(means.per_sample[means.index[metric, model]]),
        spread=means.spread[metric, model],
    )


def _difference(means: Means, metric: str, first: str, second: str) -> Difference:
    (a, a_draws), (b, b_draws) = means.of(metric, first), means.of(metric, second)
    low, high = interval(a_draws - b_draws)
    return Difference(metric=metric, first=first, second=second, value=a - b, low=low, high=high, users=means.users)


def ratios(means: Means) -> list[Ratio]:
    """Retention Q on nDCG@10, Q' where chance gets one half, and gain recovered G of the student on both.

    Models that no comparison knows are taken for further students of the teacher.
    """
    students = [name for name in means.models if name == "student" or name not in COLUMNS]
    if "teacher" not in means.models:
        return []
    registry: dict[str, float] = {name: m.chance for name, m in (CATALOGUE | IMPRESSIONS).items()}
    against_chance = [name for name in means.metrics if registry[name] > 0]
    out = []
    for model in sorted(students, key=lambda name: name != "student"):
        out.append(_retention(means, "Q", "ndcg@10", 0.0, model))
        out += [_retention(means, "Q'", name, registry[name], model) for name in against_chance]
        if model == "student" and "undistilled" in means.models:
            out += [_gain_recovered(means, name) for name in ["ndcg@10", *against_chance]]
    return out


def _retention(means: Means, name: str, metric: str, chance: float, model: str) -> Ratio:
    (student, s), (teacher, t) = means.of(metric, model), means.of(metric, "teacher")
    found = Ratio(name=name, metric=metric, model=model)
    if interval(t - chance).low <= 0:
        return found.model_copy(update={"reason": "the teacher cannot be told from chance"})
    low, high = interval((s - chance) / (t - chance))
    return found.model_copy(update={"value": (student - chance) / (teacher - chance), "low": low, "high": high})


def _gain_recovered(means: Means, metric: str) -> Ratio:
    (student, s), (teacher, t) = means.of(metric, "student"), means.of(metric, "teacher")
    plain, u = means.of(metric, "undistilled")
    gap = interval(t - u)
    if not gap.excludes_zero:
        return Ratio(name="G", metric=metric, reason="not defined: teacher - undistilled cannot be told from 0")
    low, high = interval((s - u) / (t - u))
    return Ratio(name="G", metric=metric, value=(student - plain) / (teacher - plain), low=low, high=high)
