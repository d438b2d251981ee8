"""What a trial tries, drawn by optuna from the trials before it.

A draw is a function of the search's seed, the trial's number and the records of the trials before: optuna's study is
made anew in memory for each, so that there is no second account of the trials on disk that a kill could part from ours.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from distill_rec.files import fingerprint
from distill_rec.search.space import KIND, has_key
from distill_rec.sections.search import Choice, Dimension

AT_RANDOM = 8
"""Trials before what was found guides the next."""
ATTEMPTS = 200
"""Draws of one trial before the space counts as tried out."""
DIGITS = 3
"""Of a number drawn from a range: what a recipe reads well with."""


@dataclass(frozen=True)
class Told:
    """A finished trial, as optuna is told of it.

    Attributes:
        place: where it stands in the space: value by key.
        values: quality (more is better), megabytes and milliseconds (less is better).
        over: how far it is over each limit; zero or less: it fits.
    """

    place: Mapping[str, Any]
    values: tuple[float, float, float]
    over: Mapping[str, float] = field(default_factory=dict)


def draw(  # noqa: PLR0913
    space: Mapping[str, Dimension],
    kind: str,
    told: Sequence[Told],
    number: int,
    seed: int,
    drawn: Sequence[Mapping[str, Any]],
    refused: Callable[[Mapping[str, Any]], str],
) -> tuple[dict[str, Any] | None, str]:
    """The changes of a trial that none before it had.

    Args:
        kind: of student where the space does not vary it.
        told: finished trials, in their order.
        drawn: changes of all trials so far.
        refused: why changes make no recipe; "" where they do.

    Returns:
        The changes, or None where the space has no more; and why the last draw was refused.
    """
    known, why = {_name(one) for one in drawn}, ""
    for attempt in range(ATTEMPTS):
        place = _ask(space, kind, told, int(fingerprint(seed, number, attempt), 16) % 2**32)
        if _name(place) in known:
            continue
        if not (why := refused(place)):
            return place, ""
        known.add(_name(place))
    return None, why


def _name(place: Mapping[str, Any]) -> str:
    return json.dumps(place, sort_keys=True)


def _ask(space: Mapping[str, Dimension], kind: str, told: Sequence[Told], seed: int) -> dict[str, Any]:
    """One draw of optuna's multi-objective TPE (Ozaki et al. 2022; with limits c-TPE, Watanabe and Hutter 2023)."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=AT_RANDOM)
        study = optuna.create_study(directions=["maximize", "minimize", "minimize"], sampler=sampler)
    for one in told:
        params = {key: _param(space[key], value) for key, value in one.place.items()}
        distributions = {key: _distribution(space[key]) for key in params}
        study.add_trial(
            optuna.trial.create_trial(
                params=params, distributions=distributions, values=one.values, constraints=dict(one.over)
            )
        )
    trial, out = study.ask(), dict[str, Any]()
    for key, dimension in space.items():
        if key == KIND or has_key(str(out.get(KIND, kind)), key):
            out[key] = _suggest(trial, key, dimension)
    return out


def _suggest(trial: optuna.Trial, key: str, dimension: Dimension) -> Any:
    if isinstance(dimension, Choice):
        return dimension.values[trial.suggest_categorical(key, range(len(dimension.values)))]
    if dimension.whole:
        low, high = int(dimension.low), int(dimension.high)
        return trial.suggest_int(key, low, high, step=int(dimension.step or 1), log=dimension.log)
    value = trial.suggest_float(key, dimension.low, dimension.high, step=dimension.step, log=dimension.log)
    return min(max(float(f"{value:.{DIGITS}g}"), dimension.low), dimension.high)


def _distribution(dimension: Dimension) -> BaseDistribution:
    if isinstance(dimension, Choice):
        return CategoricalDistribution(range(len(dimension.values)))
    if dimension.whole:
        step = int(dimension.step or 1)
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log, step=step)
    return FloatDistribution(float(dimension.low), float(dimension.high), log=dimension.log, step=dimension.step)


def _param(dimension: Dimension, value: Any) -> Any:
    """A value as optuna knows it: of a choice its place in the list."""
    return list(dimension.values).index(value) if isinstance(dimension, Choice) else value
