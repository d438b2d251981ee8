"""How far each model agrees with the teacher: tables of means over users with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from distill_rec.evaluation.alike import AGREEMENT
from distill_rec.evaluation.bootstrap import interval, known_means, spread_over
from distill_rec.evaluation.lists import mean_known
from distill_rec.evaluation.results import Agreement, Cell, Table

Floats = NDArray[np.float64]


def agreement_table(
    key: str, title: str, found: Mapping[str, Sequence[Mapping[str, Floats]]], *, resamples: int, seed: int
) -> Table | None:
    """By measure and model; None where no other model is compared, or nobody has a value.

    Args:
        found: by model, of each seed, by measure `[n_users]`, NaN where a user has none; seeds are averaged before
            users are drawn.
    """
    pairs = [(measure, model) for measure in AGREEMENT for model in found]
    users = max((len(seeds[0]["rbo"]) for seeds in found.values()), default=0)
    if not pairs or not users:
        return None
    each = {(measure, model): np.stack([one[measure] for one in found[model]]) for measure, model in pairs}
    values = np.stack([mean_known(each[pair]) for pair in pairs], axis=1)
    means, draws = known_means(values, resamples, seed)
    cells: dict[str, dict[str, Cell]] = {}
    for (measure, model), mean, sample in zip(pairs, means, draws.T, strict=True):
        if not np.isnan(mean):  # the scores of popularity's rows may all be equal, which correlate with nothing
            low, high = interval(sample)
            means_of_seeds = [one[~np.isnan(one)].mean() for one in each[measure, model] if not np.isnan(one).all()]
            spread = spread_over(means_of_seeds)
            cell = Cell(mean=float(mean), low=low, high=high, mean_samples=float(mean), spread=spread)
            cells.setdefault(measure, {})[model] = cell
    known = int((~np.isnan(values)).any(axis=1).sum())
    return Table(key=key, title=title, samples=known, users=known, cells=cells) if known else None


def of_student(table: Table | None) -> Agreement | None:
    """The two figures that are told first."""
    both = ("overlap@10", "kendall")
    if table is None or any("student" not in table.cells.get(measure, {}) for measure in both):
        return None
    overlap, kendall = (table.cells[measure]["student"].mean for measure in both)
    return Agreement(overlap=overlap, kendall=kendall, users=table.users)
