"""What a study leaves: what it was begun with, how each training ended, what it found."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import Field

from distill_rec.evaluation.results import Cell, Difference, Verdict
from distill_rec.records import Part, Record, read_record
from distill_rec.runtime.errors import RunError
from distill_rec.training.outcome import Stopped

Unit = Literal["max_seconds", "max_updates"]
Curve = list[tuple[float, float]]
"""Validation nDCG@10 by seconds of training."""


class Budget(Part):
    """What each training may take.

    Attributes:
        unit: the optimizer's key that holds it.
        warm_up: share of it at most for the head alone, before a trunk is tuned.
    """

    unit: Unit
    amount: float
    warm_up: float

    def __str__(self) -> str:
        return f"{self.amount:g} seconds" if self.unit == "max_seconds" else f"{self.amount:,.0f} updates"


class RowSettings(Part):
    """What decides a row's trainings: dotted key to value, and hashes of what is read from outside."""

    settings: dict[str, Any]
    inputs: dict[str, str]


class PlanRecord(Record):
    """What `plan.json` says: what a study was begun with.

    Attributes:
        rows: by name; those of earlier commands stay, so that a row that comes back is still the same.
    """

    budget: Budget
    rows: dict[str, RowSettings]


class CellRecord(Record):
    """What `cell.json` says of one training: a row with one seed.

    Attributes:
        failure: why it came to nothing; "" where it ended well.
        process_seconds, peak_bytes: of its process, as the system tells; loading and writing are in them.
        resumed: it went on where a killed process had stopped; the two figures are of the last process alone.
    """

    seed: int
    failure: str = ""
    process_seconds: float
    peak_bytes: int
    resumed: bool = False


class Trained(Part):
    """One training, read.

    Attributes:
        stopped, rising, updates: of its last part (the tuning, where a trunk is tuned).
        seconds: of training and its validations, the head's warm-up included.
        warm_up_seconds, warm_up_updates, warm_up_rising: of these the head alone's; zero where nothing else is tuned.
        best: validation nDCG@10 of the weights that were kept.
        moved: relative change of each part of the last weights, kept or not.
        trunk_moved: the largest of those of the trunk; None where nothing of it learns.
        curve: over the whole training.
        at_equal_seconds: best validation nDCG@10 within the seconds that all reached.
    """

    seed: int
    stopped: Stopped
    rising: bool
    updates: int
    seconds: float
    warm_up_seconds: float = 0.0
    warm_up_updates: int = 0
    warm_up_rising: bool = False
    process_seconds: float
    peak_bytes: int
    resumed: bool
    best: float
    moved: dict[str, float]
    trunk_moved: float | None
    curve: Curve
    at_equal_seconds: float | None = None


class Failure(Part):
    """A training that came to nothing, and why."""

    seed: int
    why: str


class Row(Part):
    """A tuning on one form of the data, over its seeds.

    Attributes:
        variation: what is varied beside the tuning, by key; its values as they were written.
        trunk_rate: trunk_learning_rate; None where nothing of the trunk learns.
        trained_parameters, parameters: those that learn, and all.
        quality: on the test, by metric; None where no training ended well.
        against_head, against_untrained, against_best: paired differences in the main metric; None where there is no
            such rival (or it is the row itself).
    """

    name: str
    tuning: str
    variation: dict[str, str]
    trunk_rate: float | None
    trained: list[Trained]
    failures: list[Failure]
    trained_parameters: int | None = None
    parameters: int | None = None
    quality: dict[str, Cell] | None = None
    against_head: Difference | None = None
    against_untrained: Difference | None = None
    against_best: Difference | None = None

    @property
    def validation(self) -> float:
        """Best validation nDCG@10, mean over seeds; minus infinity without one."""
        return sum(one.best for one in self.trained) / len(self.trained) if self.trained else float("-inf")

    @property
    def seconds(self) -> float:
        """Of training, mean over seeds."""
        return sum(one.seconds for one in self.trained) / max(len(self.trained), 1)


class Baseline(Part):
    """A model that is not trained here."""

    name: str
    quality: dict[str, Cell]


class StudyRecord(Record):
    """What `study.json` says.

    Attributes:
        equal_seconds: seconds that every training reached; None where none ended well.
        rows: in the order that was asked for.
    """

    name: str
    created: str
    budget: Budget
    seeds: list[int]
    grouping: str
    metrics: dict[str, str] = Field(description="title of each metric, in order")
    main_metric: str
    resamples: int
    users: int
    samples: int
    equal_seconds: float | None
    baselines: list[Baseline]
    rows: list[Row]
    verdicts: list[Verdict]

    def row(self, name: str) -> Row:
        """The row of a name."""
        return next(row for row in self.rows if row.name == name)

    def frame(self) -> pl.DataFrame:
        """One row per tuning: `row, mean, low, high, less_head, less_untrained, rising, failures, spread,
        trained_parameters, seconds, peak_bytes`; the mean is of the main metric, figures that there are none of are
        null.
        """
        return pl.DataFrame([_figures(row, self.main_metric) for row in self.rows], infer_schema_length=None)

    def _repr_html_(self) -> str:
        from distill_rec.pages import in_notebook
        from distill_rec.study.page import page_of

        return in_notebook(page_of(self))

    @staticmethod
    def read(folder: str | Path) -> StudyRecord:
        """Read a study's folder.

        Raises:
            RunError: it holds none.
        """
        path = Path(folder) / "study.json"
        if not path.exists():
            raise RunError(path, "no finished study here", "study.json", "Make one with `distill-rec tune-study`.")
        return read_record(StudyRecord, path)


def _figures(row: Row, metric: str) -> dict[str, Any]:
    cell, trained = (row.quality or {}).get(metric), row.trained
    return {
        "row": row.name,
        "mean": cell and cell.mean,
        "low": cell and cell.low,
        "high": cell and cell.high,
        "less_head": row.against_head and row.against_head.value,
        "less_untrained": row.against_untrained and row.against_untrained.value,
        "rising": any(one.rising for one in trained),
        "failures": len(row.failures),
        "spread": cell and cell.spread,
        "trained_parameters": row.trained_parameters,
        "seconds": row.seconds if trained else None,
        "peak_bytes": max((one.peak_bytes for one in trained), default=None),
    }
