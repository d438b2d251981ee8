"""A comparison that shows itself in a notebook, whole or part by part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from distill_rec.comparison.frames import Frames
from distill_rec.comparison.shown import Shown, shown
from distill_rec.evaluation.kinds_told import kinds_frame
from distill_rec.evaluation.pareto import COSTS
from distill_rec.evaluation.report import page, part_of
from distill_rec.evaluation.results import POPULARITY, Results
from distill_rec.files import write_text
from distill_rec.pages import in_notebook


class Comparison:
    """Models side by side.

    In a notebook it shows the page that `distill-rec evaluate` writes; each part of the page is an attribute too, and
    every figure is in a frame.

    Attributes:
        results: everything, as `results.json` has it.
    """

    def __init__(self, results: Results) -> None:
        self.results = results

    @property
    def models(self) -> list[str]:
        """Names, in the order of the tables."""
        return list(self.results.models)

    @property
    def frame(self) -> pl.DataFrame:
        """One row per part of the test, metric and model: `mean, low, high, mean_samples, spread`."""
        return self.results.long()

    @property
    def frames(self) -> Frames:
        """All frames by name: `frames["differences"]`; `list(frames)` says which there are."""
        return Frames(self.results)

    @property
    def verdicts(self) -> Shown:
        """What may be said, in sentences."""
        return self._part("verdicts", "\n".join(f"- {one.text}" for one in self.results.verdicts))

    @property
    def tables(self) -> Shown:
        """Every metric of every model with its interval, and the paired differences."""
        return self._part("figures", str(self.results.table()))

    @property
    def slices(self) -> Shown:
        """Which kinds of items, histories and users the student ranks worse than the teacher, and their weight."""
        text = "\n".join(str(kinds_frame(self.results, one.by)) for one in self.results.slicings)
        return self._part("slices", text, there=any(one.slices for one in self.results.slicings))

    @property
    def costs(self) -> Shown:
        """What serving costs, and quality against latency, size and memory."""
        return self._part("costs", str(self.frames["costs"]), there=bool(self.results.costs))

    @property
    def pareto(self) -> Shown:
        """Quality against latency, size and memory alone."""
        there = len(self.results.costs) > 1
        return self._part("trade_offs", f"quality by {', '.join(COSTS)}", there=there)

    @property
    def retention(self) -> Shown:
        """What is kept of the teacher by how often its target was clicked."""
        sliced = self.results.sliced_by(POPULARITY)
        there = sliced is not None and "teacher" in self.results.models
        return self._part("retained", str(self.frames["ratios"]), sliced, there=there)

    @property
    def curves(self) -> Shown:
        """How the trainings went."""
        return self._part("training", str(self.frames["curves"]), there=bool(self.results.curves))

    @property
    def likeness(self) -> Shown:
        """What top-10 lists are like, and how far models agree with the teacher."""
        there = bool(self.results.lists or self.results.agreements)
        return self._part("beyond", str(self.frames["lists"]), there=there)

    @property
    def examples(self) -> Shown:
        """The users on whom teacher and student differ most, by title."""
        return self._part("examples", str(self.frames["examples"]), there=bool(self.results.examples))

    def save(self, path: str | Path) -> None:
        """Write the page as one HTML file, of which nothing is fetched from anywhere."""
        write_text(Path(path), page(self.results))

    def _part(self, name: str, text: str, *more: Any, there: bool = True) -> Shown:
        given = self.results.examples if name == "examples" else self.results
        html = part_of(self.results, name, given, *more) if there else ""
        return shown(self.results, html, text, name)

    def _repr_html_(self) -> str:
        return in_notebook(page(self.results))

    def __repr__(self) -> str:
        return f"Comparison({', '.join(self.models)}; {self.results.test.users:,} users)\n{self.results.table()}"
