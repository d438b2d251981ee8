"""How far each model agrees with the teacher: tables of means over users with their intervals."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from distill_rec.evaluation.alike import AGREEMENT
from distill_rec.evaluation.bootstrap import interval, known_means
from distill_rec.evaluation.results import Agreement, Cell, Table

Floats = NDArray[np.float64]


def agreement_table(
    key: str, title: str, found: Mapping[str, Mapping[str, Floats]], *, resamples: int, seed: int
) -> Table | None:
    """By measure and model; None where no other model is compared, or nobody has a value.

    Args:
        found: by model and measure `[n_users]`, NaN where a user has none.
    """
    pairs = [(measure, model) for measure in AGREEMENT for model in found]
    users = max((len(one["rbo"]) for one in found.values()), default=0)
    if not pairs or not users:
        return None
    values = np.stack([found[model][measure] for measure, model in pairs], axis=1)
    means, draws = known_means(values, resamples, seed)
    cells: dict[str, dict[str, Cell]] = {}
    for (measure, model), mean, sample in zip(pairs, means, draws.T, strict=True):
        if not np.isnan(mean):  # the scores of popularity's rows may all be equal, which correlate with nothing
            low, high = interval(sample)
            cell = Cell(mean=float(mean), low=low, high=high, mean_samples=float(mean))
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
