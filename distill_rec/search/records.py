"""What a search leaves: what it was begun with, what each trial is and how it went, what was found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field

from distill_rec.evaluation.results import Cell, Difference, Ratio, Verdict
from distill_rec.records import Part, Record, read_record
from distill_rec.runtime.errors import RunError
from distill_rec.training.outcome import Stopped


class Budget(Part):
    """What a student may cost and must keep; None: no limit.

    Attributes:
        within: share of the teacher's quality on validation data that it may lose.
    """

    megabytes: float | None = None
    milliseconds: float | None = None
    within: float | None = None


class SpaceRecord(Record):
    """What `space.json` says: what a search was begun with.

    Attributes:
        settings: what decides its trials: dotted key to value.
        made_from: fingerprints of the run's stages before.
        teacher: its means over users on validation data, by metric; None where it has none.
        leave_out_seen: whether validation ranks what a user has not seen alone, the same for all trials.
    """

    settings: dict[str, Any]
    made_from: dict[str, str]
    teacher: dict[str, float] | None
    leave_out_seen: bool


class DrawnRecord(Record):
    """What `drawn.json` says: a trial's changes of `[student]`, by dotted key; none: the recipe's own student."""

    number: int
    changes: dict[str, Any]


class Point(Part):
    """One precision of a trial's artifact.

    Attributes:
        quality: means over users on validation data, by metric.
        megabytes: what a service loads of it, catalogue included.
        milliseconds: of ranking 100 candidates, one thread: the median of the quietest round.
        round_milliseconds: median of each round.
        items_per_second: new items encoded, one thread.
        private_megabytes: of a process that serves it; None where the system does not tell.
    """

    precision: str
    quality: dict[str, float]
    megabytes: float
    milliseconds: float
    round_milliseconds: list[float]
    items_per_second: float
    private_megabytes: float | None = None


class TrialRecord(Record):
    """What `trial.json` says: how a trial went.

    Attributes:
        failure: why it came to nothing; "" where it ended well.
        points: one per precision that was published, the main one first.
        stopped, rising, updates, training_seconds: of its training.
        seconds: of the trial's process, which measuring is part of; after a kill of the last one alone.
    """

    number: int
    changes: dict[str, Any]
    failure: str = ""
    points: list[Point] = Field(default_factory=list)
    stopped: Stopped | None = None
    rising: bool = False
    updates: int = 0
    training_seconds: float = 0.0
    seconds: float = 0.0


class Found(Part):
    """A point of a trial, judged.

    Attributes:
        name: `#7`, with the precision where trials have several.
        student: what differs from the recipe, in words.
        kept: share of the teacher's quality on validation data, above chance; None without a teacher.
        fits: within the budget.
        front: none other is as good, as small and as quick, and better in one of them.
        test: on the test, by metric; of the front and of the recipe's own student alone.
        against_teacher, against_recipe: paired differences on the test in the main metric.
        kept_on_validation, kept_on_test: Q (Q' of AUC) with its interval; the first says how sure a choice can be.
    """

    name: str
    number: int
    student: str
    changes: dict[str, Any]
    point: Point
    kept: float | None
    fits: bool
    front: bool
    stopped: Stopped
    rising: bool
    updates: int
    training_seconds: float
    test: dict[str, Cell] | None = None
    against_teacher: Difference | None = None
    against_recipe: Difference | None = None
    kept_on_validation: Ratio | None = None
    kept_on_test: Ratio | None = None


class Failed(Part):
    """A trial that came to nothing, and why."""

    number: int
    student: str
    why: str


class SearchRecord(Record):
    """What `search.json` says.

    Attributes:
        found: of every finished trial, in their order.
        baselines: popularity and teacher on the test.
        users, validation_users: of the test, and those that trials were chosen by.
        chosen: name of the point that the budget asks for; None where none fits.
        left: why fewer trials than asked for were made; "" where all were.
    """

    name: str
    created: str
    grouping: str
    metrics: dict[str, str] = Field(description="title of each metric, in order")
    main_metric: str
    budget: Budget
    teacher: dict[str, float] | None
    found: list[Found]
    failed: list[Failed]
    baselines: dict[str, dict[str, Cell]]
    users: int
    validation_users: int
    resamples: int
    chosen: str | None
    left: str = ""
    verdicts: list[Verdict]

    def point(self, name: str) -> Found:
        """The point of a name."""
        return next(one for one in self.found if one.name == name)

    def frame(self) -> pl.DataFrame:
        """One row per point: `name, student, quality, kept, megabytes, milliseconds, fits, front, rising`; quality is
        the main metric on validation data.
        """
        rows = [
            {"name": one.name, "student": one.student, "quality": one.point.quality[self.main_metric]}
            | {"kept": one.kept, "megabytes": one.point.megabytes, "milliseconds": one.point.milliseconds}
            | {"fits": one.fits, "front": one.front, "rising": one.rising}
            for one in self.found
        ]
        return pl.DataFrame(rows, infer_schema_length=None)

    def _repr_html_(self) -> str:
        from distill_rec.pages import in_notebook
        from distill_rec.search.page import page_of

        return in_notebook(page_of(self))

    @staticmethod
    def read(run: str | Path) -> SearchRecord:
        """Read the search within a run's folder.

        Raises:
            RunError: it holds none.
        """
        path = Path(run) / "search" / "search.json"
        if not path.exists():
            raise RunError(path, "no finished search here", "search.json", "Make one with `distill-rec search`.")
        return read_record(SearchRecord, path)
