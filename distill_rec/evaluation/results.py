"""What a comparison found, as it stands in `results.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import Field, PrivateAttr, model_validator

from distill_rec.files import write_text
from distill_rec.frames import read_frame, write_frame
from distill_rec.records import Part, Record, read_record
from distill_rec.runtime.errors import RunError


class Cell(Part):
    """A model on a metric: mean over users with its interval, mean over samples, spread over seeds."""

    mean: float
    low: float
    high: float
    mean_samples: float
    spread: float | None = Field(None, description="standard deviation of the mean over seeds; none for one seed")


class Difference(Part):
    """Paired difference `first - second` of means over users."""

    metric: str
    first: str
    second: str
    value: float
    low: float
    high: float
    users: int

    @property
    def clear(self) -> bool:
        """The interval excludes 0."""
        return self.low > 0 or self.high < 0


class Ratio(Part):
    """Q, Q' or G; without a value where it is not defined, and why.

    Attributes:
        model: whose it is.
    """

    name: Literal["Q", "Q'", "G"]
    metric: str
    model: str = "student"
    value: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""


class Table(Part):
    """All models and metrics on one set of samples.

    Attributes:
        cells: per metric, per model.
        left_out: what has no value, and how many samples it was.
    """

    key: str
    title: str
    samples: int
    users: int
    cells: dict[str, dict[str, Cell]]
    differences: list[Difference] = Field(default_factory=list)
    ratios: list[Ratio] = Field(default_factory=list)
    left_out: dict[str, int] = Field(default_factory=dict)

    def difference(self, metric: str, first: str, second: str) -> Difference | None:
        for found in self.differences:
            if (found.metric, found.first, found.second) == (metric, first, second):
                return found
        return None

    def ratio(self, name: str, metric: str, model: str = "student") -> Ratio | None:
        wanted = (name, metric, model)
        return next((found for found in self.ratios if (found.name, found.metric, found.model) == wanted), None)


class ModelCost(Part):
    """What serving a model costs. What could not be measured is None, and `missing` says why."""

    parameters: int | None = None
    disk_bytes: int | None = None
    private_bytes: int | None = Field(None, description="RssAnon of a process that serves")
    mapped_bytes: int | None = Field(None, description="RssFile of it: pages of files, shared between processes")
    items_per_second: float | None = Field(
        None, description="new items encoded per second, none of them met before, one thread: the median round"
    )
    p50_ms: float | None = Field(None, description="median of ranking the candidates, one thread")
    p99_ms: float | None = None
    candidates: int = 0
    history: int = 0
    cached: bool = Field(True, description="the request is ranked with cached item vectors, no text is encoded")
    rounds: dict[str, list[float]] = Field(
        {}, description="items_per_second and p50_ms of each round; rounds of the models compared follow in turn"
    )
    missing: dict[str, str] = Field(default_factory=dict)


class Lists(Part):
    """Top-10 lists of a model over the catalogue, one for each of some drawn users. None: not defined.

    Of several seeds the figures are means; intervals are of values averaged over seeds.
    """

    coverage: float = Field(description="share of the catalogue that stands in at least one list")
    novelty: float | None = Field(description="mean self-information of a listed item, bits of its training clicks")
    popularity_lift: float | None = Field(
        description="mean training clicks of listed items over those of the histories"
    )
    diversity: float | None = Field(
        None, description="mean of 1 - cosine of two items of a list, by the words of their texts (TF-IDF)"
    )
    users: int = Field(0, description="lists that were looked at; 0 where an older release did not say")
    intervals: dict[str, tuple[float, float]] = Field(
        {}, description="95 % interval of novelty, diversity and popularity_lift; coverage, of all lists, has none"
    )
    spread: dict[str, float] = Field({}, description="standard deviation of each figure over seeds; none for one seed")


class Agreement(Part):
    """How alike teacher and student rank."""

    overlap: float = Field(description="mean share of the top 10 that both list")
    kendall: float = Field(
        description="mean Kendall tau-b over the union of both models' top 100 (before version 2 of the stage over the "
        "teacher's)"
    )
    users: int


class ReliabilityBin(Part):
    """Candidates of about the same predicted probability.

    Attributes:
        predicted: mean predicted probability of a click.
        clicked: share that was clicked, with its interval `low` to `high`.
    """

    predicted: float
    clicked: float
    low: float
    high: float
    candidates: int


class Calibration(Part):
    """Predicted probabilities of a click beside clicks.

    Attributes:
        error: expected calibration error over the bins; above 0 by chance even of true probabilities.
        brier: mean squared distance to the click.
        predicted, clicked: means over all candidates.
    """

    bins: list[ReliabilityBin]
    error: float
    brier: float
    log_loss: float
    predicted: float
    clicked: float


class Slice(Part):
    """Samples that share something.

    Attributes:
        name: what they share, as a value of a column.
        share: of the test's samples.
        table: figures on them.
    """

    name: str
    share: float
    table: Table


class Slicing(Part):
    """The test, sliced in one way.

    Attributes:
        by: a column's name, or what else tells the slices apart.
        of: what has it: the targets' items, the histories, or the users.
        overlapping: a sample may be in several.
        merged: values that are too rare to stand alone, and are one slice together.
        left_out: samples in none.
        ordered: slices are numbers, lowest first.
    """

    by: str
    of: Literal["items", "histories", "users"]
    slices: list[Slice]
    overlapping: bool = False
    merged: int = 0
    left_out: int = 0
    ordered: bool = False


class Example(Part):
    """A user on whom teacher and student differ, by title."""

    user: str
    history: list[str]
    target: str
    teacher: list[str]
    student: list[str]
    overlap: float
    teacher_rank: float | None = None
    student_rank: float | None = None


class Share(Part):
    """What one of several teachers gives to their sum.

    Attributes:
        weight: factor of its scores.
        gain: the sum of all less the sum without it, on the test; None where no other has a weight.
    """

    name: str
    weight: float
    gain: Difference | None


class AtLevel(Part):
    """The student with new items at one level, on the test.

    Attributes:
        level: a service's `new_level`.
        own: whether the student was exported with it.
        known: nDCG@10 of targets that are not new, beside which new items only take places.
        new: recall@100 of new items, ranked among all.
    """

    level: float
    own: bool
    known: float
    new: float


class Ending(Part):
    """How one training of a model ended.

    Attributes:
        name: of several teachers, which of them.
        kept: update whose weights were kept, 0 for the start; None where an older release did not say.
        unclicked_level: what was added to the scores of items without a click; None where nothing was.
    """

    stopped: Literal["plateau", "max_epochs", "max_updates", "max_seconds"]
    rising: bool
    updates: int
    name: str = ""
    kept: int | None = None
    unclicked_level: float | None = None

    @property
    def settled(self) -> bool:
        """Neither a clock nor a limit ended it while it was getting better."""
        return self.stopped != "max_seconds" and not self.rising


class Verdict(Part):
    """A plain sentence. tone: good, bad (a claim fails), open (cannot be told), note."""

    tone: Literal["good", "bad", "open", "note"]
    text: str


POPULARITY = "training clicks of the target"
"""What a slicing by popularity is by."""


def _by_popularity(tables: list[Table]) -> list[Slicing]:
    """The slices that older results have as tables."""
    samples = sum(table.samples for table in tables)
    slices = [
        Slice(
            name=table.title.removeprefix("target with ").removesuffix(" training clicks"),
            share=table.samples / samples,
            table=table,
        )
        for table in tables
    ]
    return [Slicing(by=POPULARITY, of="items", slices=slices, ordered=True)] if slices else []


class Results(Record):
    """A comparison of models on one data set."""

    name: str = "run"
    created: str = ""
    protocol: Literal["catalogue", "impressions"]
    grouping: str
    models: list[str]
    seeds: dict[str, int]
    metrics: dict[str, str] = Field(description="title of each metric, in order")
    main_metric: str
    resamples: int
    data: dict[str, str | int | float]
    tables: list[Table]
    costs: dict[str, ModelCost] = Field(default_factory=dict)
    lists: dict[str, Lists] = Field(default_factory=dict)
    list_differences: list[Difference] = Field(
        default_factory=list, description="paired differences of novelty, diversity and popularity_lift"
    )
    agreement: Agreement | None = Field(None, description="the student's with the teacher, as agreements have it")
    agreements: list[Table] = Field(
        default_factory=list, description="how far each other model agrees with the teacher; cells by measure"
    )
    slicings: list[Slicing] = Field(
        default_factory=list, description="the test sliced by columns, clicks of targets, histories and users"
    )
    calibrations: dict[str, Calibration] = Field(
        default_factory=dict, description="of models whose scores are said to be probabilities of a click"
    )
    verdicts: list[Verdict] = Field(default_factory=list)
    examples: list[Example] = Field(default_factory=list)
    repeats: dict[str, list[float]] = Field(
        default_factory=dict, description="numbers of the repeat term of each model that has one, by age"
    )
    transition_factors: dict[str, float] = Field(
        default_factory=dict, description="by which the transition term of each model that has one goes into its scores"
    )
    transition_gain: Difference | None = Field(
        None, description="what the student has more on the test than without its transition term"
    )
    shares: list[Share] = Field(default_factory=list, description="of several teachers, what each gives to their sum")
    new_levels: list[AtLevel] = Field([], description="what it costs and gives that new items stand as high as this")
    curves: dict[str, list[tuple[float, float]]] = Field({}, description="validation nDCG@10 by update, per model")
    losses: dict[str, list[tuple[float, float]]] = Field({}, description="training loss by update, per model")
    endings: dict[str, list[Ending]] = Field({}, description="what ended the training of each model, by seed")
    _per_user: pl.DataFrame | None = PrivateAttr(None)

    @model_validator(mode="before")
    @classmethod
    def _older(cls, found: Any) -> Any:
        """Slices by popularity were a list of tables of their own once."""
        if not isinstance(found, dict) or "slices" not in found:
            return found
        tables = [Table.model_validate(one) for one in found["slices"]]
        rest = {key: value for key, value in found.items() if key != "slices"}
        return rest | {"slicings": [*found.get("slicings", []), *_by_popularity(tables)]}

    @property
    def test(self) -> Table:
        return self.tables[0]

    def sliced_by(self, by: str) -> Slicing | None:
        """The test sliced in this way, where it falls into more than one slice."""
        return next((one for one in self.slicings if one.by == by), None)

    @property
    def per_user(self) -> pl.DataFrame | None:
        """`user_id, model, samples` and one column per metric; None in results read from JSON."""
        return self._per_user

    def table(self) -> pl.DataFrame:
        """`part, metric` and one column per model: means over users."""
        return pl.DataFrame(
            [
                {"part": part.title, "metric": self.metrics[metric]}
                | {model: cells[model].mean for model in self.models if model in cells}
                for part in self.tables
                for metric, cells in part.cells.items()
            ]
        )

    def long(self) -> pl.DataFrame:
        """One row per part (slices included), metric and model: `mean, low, high, mean_samples, spread`."""
        return pl.DataFrame(
            [
                {"part": part.title, "samples": part.samples, "users": part.users}
                | {"metric": metric, "model": model}
                | cell.model_dump()
                for part in self.parts
                for metric, cells in part.cells.items()
                for model, cell in cells.items()
            ],
            infer_schema_length=None,
        )

    @property
    def parts(self) -> list[Table]:
        """Every table of models by metrics: those of the test and of each of its slices."""
        return [*self.tables, *(one.table for by in self.slicings for one in by.slices)]

    def to_json(self) -> str:
        return self.model_dump_json(indent=2) + "\n"

    def write(self, folder: Path) -> None:
        """Write `results.json` and `per_user.parquet`."""
        folder.mkdir(parents=True, exist_ok=True)
        if self._per_user is not None:
            write_frame(folder / "per_user.parquet", self._per_user)
        write_text(folder / "results.json", self.to_json())

    @staticmethod
    def read(folder: Path) -> Results:
        """Read what `write` left.

        Raises:
            RunError: there is no `results.json`, or it is none of this release or an older one.
        """
        path = folder / "results.json"
        if not path.exists():
            raise RunError(path, "no results here", "results.json", "Run `distill-rec evaluate` first.")
        results = read_record(Results, path)
        if (folder / "per_user.parquet").exists():
            results._per_user = read_frame(folder / "per_user.parquet")
        return results
