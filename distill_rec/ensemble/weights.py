"""Weights of several teachers' scores, fitted on validation data (stacking, Wolpert 1992).

They are those under which the clicks are likeliest, a convex problem that every sample has a say in, without teachers
that make them hardly likelier. Others take their place where they rank better by an interval above zero: a climb in
nDCG@10 from the likeliest, from equal ones and from each teacher alone. By less than that a climb follows chance: the
same data chose each teacher's weights, so that one of them alone looks better than it is. Their common factor, which no
ranking depends on, is the likeliest, so that a softmax of the sum is a probability.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from distill_rec.data.dataset import Dataset
from distill_rec.ensemble.mixtures import Floats, Mixtures, usable
from distill_rec.evaluation.bootstrap import interval_of_mean
from distill_rec.evaluation.protocol import Samples
from distill_rec.knowledge import Knowledge
from distill_rec.progress import QuietTask, Task

MOST_SAMPLES = 2000
"""Validation samples that the weights are fitted on at most: they are few numbers."""
FACTORS = (0.0, 0.5, 0.7, 1.4, 2.0)
"""What a weight is multiplied by to see whether the sum gains."""
ROUNDS = 3
GAIN = 0.002
"""Relative gain in nDCG@10 below which a weight stays as it is: less is noise of so few samples."""
RESAMPLES = 1000
LEAST = 1e-3
"""A weight below this share of the largest is zero."""


def fit(
    members: Sequence[Knowledge],
    dataset: Dataset,
    fixed: Sequence[float | None],
    among: NDArray[np.bool_] | None = None,
    seed: int = 0,
    task: Task | None = None,
) -> list[float]:
    """A weight for each teacher, zero or more.

    Args:
        fixed: weights that are given; None where one is to be fitted.
        among: bool `[n_samples]`, the validation samples to fit on; all where not given.
        task: advances by the samples of each pass over them, and notes the best nDCG@10 so far.

    Returns:
        In the order of `members`. Ones for all that are to be fitted where no validation sample tells them apart.
    """
    free = [number for number, weight in enumerate(fixed) if weight is None]
    start = np.array([1.0 if weight is None else weight for weight in fixed])
    rows = usable(members, dataset)
    rows = rows if among is None else rows[among[rows]]
    if not free or not len(rows) or len(members) == 1:
        return list(map(float, start))
    if len(rows) > MOST_SAMPLES:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_SAMPLES, replace=False))
    task = task or QuietTask()
    mixtures = Mixtures(members, dataset, rows, task=task)
    likeliest = _likeliest(mixtures, start, free)
    best = climb(mixtures.ndcg, _starts(likeliest, start, free), free, task)
    better, likely = mixtures.ndcg_of_users([best, likeliest])
    if interval_of_mean(better - likely, RESAMPLES).low <= 0:
        best = _without_idle(mixtures, likeliest, free, len(rows))
    if len(free) == len(start):  # the ranking is the same at any scale; a softmax of the scores is not
        best = best * _likeliest(mixtures, best, None)
    best[free] = np.where(best[free] < LEAST * max(best.max(), 1e-9), 0.0, best[free])
    return list(map(float, best if best.any() else start))


def climb(
    values: Callable[[Sequence[Floats]], Sequence[float]],
    starts: Sequence[Floats],
    free: Sequence[int],
    task: Task | None = None,
) -> Floats:
    """The best of the starts, then one weight after the other changed for as long as it gains.

    Args:
        values: what is to be large, of several weights; those that may be wanted next are asked for together.
        free: places that may change.
        task: notes the best.
    """
    task = task or QuietTask()
    found = values(starts)
    first = int(np.argmax(found))
    best, top = starts[first].copy(), found[first]
    for _ in range(ROUNDS):
        before = top
        for place in free:
            factors = list(FACTORS)
            while factors:
                task.note(f"nDCG@10 {top:.4f}")
                others = _changed(best, place, factors)
                if not others:
                    break
                found = values(list(others.values()))
                gains = (factor for factor, one in zip(others, found, strict=True) if one > top * (1 + GAIN))
                if (gain := next(gains, None)) is None:
                    break
                best, top = others[gain], found[list(others).index(gain)]
                factors = factors[factors.index(gain) + 1 :]
        if top == before:
            break
    return best


def _without_idle(mixtures: Mixtures, weights: Floats, free: list[int], count: int) -> Floats:
    """The likeliest weights without teachers whose weight is not worth a number, as BIC counts it (Schwarz 1978)."""
    loss = mixtures.cross_entropy(weights)[0]
    for place in free:
        less = weights.copy()
        less[place] = 0.0
        if not weights[place] or not less.any():
            continue
        others = [one for one in free if one != place and weights[one]]
        less = _likeliest(mixtures, less, others) if others else less
        without = mixtures.cross_entropy(less)[0]
        if (without - loss) * count < 0.5 * np.log(count):
            weights, loss = less, without
    return weights


def _changed(weights: Floats, place: int, factors: Sequence[float]) -> dict[float, Floats]:
    """By factor the weights with one of them multiplied, without those that are nothing new."""
    out = {}
    for factor in factors:
        other = weights.copy()
        other[place] = (weights[place] or weights.max()) * factor
        if other.any() and not np.array_equal(other, weights):
            out[factor] = other
    return out


def _starts(likeliest: Floats, given: Floats, free: list[int]) -> list[Floats]:
    """The likeliest weights, equal ones, and each of the free ones alone."""
    starts = [likeliest, given.copy()]
    for place in free:
        alone = given.copy()
        alone[free] = 0.0
        alone[place] = 1.0
        starts.append(alone)
    return starts


def _likeliest(mixtures: Mixtures, start: Floats, free: list[int] | None) -> Floats:
    """The weights with the least cross-entropy; of `free` None one factor for all of `start`."""

    def loss(values: Floats) -> tuple[float, Floats]:
        weights = start * values if free is None else start.copy()
        if free is not None:
            weights[free] = values
        total, slope = mixtures.cross_entropy(weights)
        return total, np.array([slope @ start]) if free is None else slope[free]

    first = np.ones(1) if free is None else start[free]
    found = minimize(loss, first, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(first))
    if free is None:
        return np.full(1, max(float(found.x[0]), LEAST))
    weights = start.copy()
    weights[free] = found.x
    return weights


def half_of(samples: Samples, seed: int = 0) -> NDArray[np.bool_]:
    """The samples of a random half of the users, as bool `[n_samples]`."""
    users, number = np.unique(np.asarray(samples.user), return_inverse=True)
    drawn: NDArray[np.bool_] = (np.random.default_rng(seed).permutation(len(users)) % 2 == 0)[number]
    return drawn
