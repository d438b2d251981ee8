"""Several models on one part of the data: means, paired differences, and what each keeps of the teacher."""

from __future__ import annotations

from typing import Any

from distill_rec.data.dataset import Dataset
from distill_rec.evaluation.compare import drawn
from distill_rec.evaluation.protocol import PerSample, Samples, evaluate
from distill_rec.evaluation.results import Cell, Difference, Ratio
from distill_rec.evaluation.scorer import Scorer
from distill_rec.evaluation.tables import build, difference_of
from distill_rec.recipe import EvaluateSection

TEACHER = "teacher"


class Compared:
    """Models on one part of the data, by the protocol of every comparison.

    Attributes:
        cells: by name and metric.
    """

    def __init__(
        self,
        scorers: dict[str, Scorer],
        samples: Samples,
        dataset: Dataset,
        section: EvaluateSection,
        leave_out_seen: bool = True,
    ) -> None:
        samples = drawn(samples, section)
        self._draws: dict[str, Any] = {"resamples": section.bootstrap, "seed": section.seed}
        self._found: dict[str, list[PerSample]] = {
            name: [evaluate(scorer, samples, dataset, leave_out_seen=leave_out_seen)]
            for name, scorer in scorers.items()
        }
        table = build("part", "part", self._found, **self._draws) if scorers else None
        self.users = 0 if table is None else table.users
        self.cells: dict[str, dict[str, Cell]] = (
            {}
            if table is None
            else {name: {metric: models[name] for metric, models in table.cells.items()} for name in self._found}
        )

    def difference(self, metric: str, first: str, second: str) -> Difference | None:
        """Paired over users; None where one of them is not there, or both are the same."""
        if first == second or not {first, second} <= set(self.cells):
            return None
        pair = self._found[first], self._found[second]
        return difference_of(metric, *pair, (first, second), **self._draws)

    def kept(self, metric: str, name: str) -> Ratio | None:
        """Q, or Q' of AUC."""
        if not {name, TEACHER} <= set(self.cells):
            return None
        pair = {"student": self._found[name], TEACHER: self._found[TEACHER]}
        table = build("part", "part", pair, **self._draws)
        return None if table is None else table.ratio("Q'" if metric == "auc" else "Q", metric)
