"""From the folders of a study's cells to what it found."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from distill_rec.contracts import teacher_spec
from distill_rec.data.dataset import Dataset
from distill_rec.evaluation.compare import drawn, per_user
from distill_rec.evaluation.metrics import CATALOGUE, IMPRESSIONS
from distill_rec.evaluation.protocol import PerSample, evaluate
from distill_rec.evaluation.results import Cell, Difference
from distill_rec.evaluation.scorer import popularity
from distill_rec.evaluation.tables import build, difference_of
from distill_rec.pipeline.wanted import resolved
from distill_rec.progress import Progress
from distill_rec.recipe import EvaluateSection
from distill_rec.study.cells import cell_folder, cell_record
from distill_rec.study.equal import read_at_equal_seconds
from distill_rec.study.plan import HEAD, Plan, PlannedRow
from distill_rec.study.records import Baseline, Failure, Row, StudyRecord, Trained
from distill_rec.study.trainings import read_training
from distill_rec.study.verdicts import verdicts

if TYPE_CHECKING:
    from distill_rec.evaluation.scorer import Scorer

BASELINES = ("popularity", "untrained")


class Test:
    """Every model on the test of its row's data, by the same protocol.

    Attributes:
        found: by name of the row or baseline, one entry per seed.
    """

    def __init__(self, plan: Plan, data: dict[str, Path], folder: Path, progress: Progress) -> None:
        self.section = plan.recipe.evaluate or EvaluateSection()
        self.found: dict[str, list[PerSample]] = {}
        self.untrained: dict[str, str] = {}
        self.frames: list[pl.DataFrame] = []
        self.kind = "clicks"
        groups: dict[Path, list[PlannedRow]] = {}
        for row in plan.rows:
            groups.setdefault(data[row.name], []).append(row)
        with progress.task("study: evaluating", len(plan.cells) + 2 * len(groups)) as task:
            for place, rows in groups.items():
                dataset = Dataset.load(place)
                self.kind = dataset.kind
                models = self._baselines(rows, dataset, progress)
                for row in rows:
                    models[row.name] = scorers_of(row, plan.seeds, folder)
                self._evaluate({name: scorers for name, scorers in models.items() if scorers}, dataset)
                task.advance(len(rows) * len(plan.seeds) + 2)

    def _baselines(self, rows: list[PlannedRow], dataset: Dataset, progress: Progress) -> dict[str, list[Scorer]]:
        """Popularity, and the untrained PLM of each trunk; a later form of the data adds its own under its name."""
        found: dict[str, list[Scorer]] = {}
        if BASELINES[0] not in self.found:
            found[BASELINES[0]] = [popularity(dataset.train_clicks)]
        names: dict[tuple[Any, ...], str] = {}
        for row in rows:
            section = resolved(row.recipe).teacher
            assert section is not None
            untrained = teacher_spec(section.kind).untrained
            if untrained is None:
                continue
            key = tuple(getattr(section, name, None) for name in ("trunk", "revision", "pooling", "max_tokens"))
            if key not in names:
                first = BASELINES[1] not in self.found and BASELINES[1] not in found
                names[key] = BASELINES[1] if first else f"{BASELINES[1]}, {row.name.partition(' ')[2] or row.name}"
                found[names[key]] = [untrained.get()(section, dataset, progress)]
            self.untrained[row.name] = names[key]
        return found

    def _evaluate(self, models: dict[str, list[Scorer]], dataset: Dataset) -> None:
        samples = drawn(dataset.test, self.section)
        found = {name: [evaluate(one, samples, dataset) for one in scorers] for name, scorers in models.items()}
        self.frames.append(per_user(found, dataset).rename({"model": "row"}))
        self.found |= found

    def table(self) -> Any:
        """Means with intervals and spread of every model, as the evaluation's tables have them."""
        return build("test", "test", self.found, resamples=self.section.bootstrap, seed=self.section.seed)

    def difference(self, metric: str, first: str, second: str | None) -> Difference | None:
        """Paired over users; None where one of them is not there, or both are the same."""
        if second is None or first == second or not {first, second} <= set(self.found):
            return None
        draws = {"resamples": self.section.bootstrap, "seed": self.section.seed}
        return difference_of(metric, self.found[first], self.found[second], (first, second), **draws)


def scorers_of(row: PlannedRow, seeds: list[int], folder: Path) -> list[Scorer]:
    """Those of a row's seeds that ended well."""
    from distill_rec.teacher_model import Teacher

    records = {seed: cell_record(row, seed, folder) for seed in seeds}
    return [
        Teacher.load(cell_folder(row, seed, folder)).scorer(row.name)
        for seed, record in records.items()
        if record is not None and not record.failure
    ]


def read_study(plan: Plan, data: dict[str, Path], folder: Path, progress: Progress) -> tuple[StudyRecord, pl.DataFrame]:
    """Everything that the study found, and each user's values."""
    test = Test(plan, data, folder, progress)
    registry: dict[str, Any] = {**(CATALOGUE if test.kind == "clicks" else IMPRESSIONS)}
    main = "ndcg@10" if test.kind == "clicks" else "auc"
    table = test.table()
    assert table is not None
    cells: dict[str, dict[str, Cell]] = {
        name: {metric: models[name] for metric, models in table.cells.items()} for name in test.found
    }
    rows = [_row(row, plan, folder, cells, test, main) for row in plan.rows]
    means = {row.name: row.quality[main].mean for row in rows if row.quality is not None}
    best = max(means, key=lambda name: means[name], default=None)
    for row in rows:
        row.against_best = test.difference(main, row.name, best)
    record = StudyRecord(
        name=plan.recipe.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        budget=plan.budget,
        seeds=plan.seeds,
        grouping=grouping_of(test.kind),
        metrics={name: metric.title for name, metric in registry.items()},
        main_metric=main,
        resamples=test.section.bootstrap,
        users=table.users,
        samples=table.samples,
        equal_seconds=read_at_equal_seconds([one for row in rows for one in row.trained]),
        baselines=[Baseline(name=name, quality=cells[name]) for name in test.found if name.startswith(BASELINES)],
        rows=rows,
        verdicts=[],
    )
    record.verdicts = verdicts(record)
    return record, pl.concat(test.frames)


def grouping_of(kind: str) -> str:
    """What a sample of the test is, in words."""
    return "one target, the full catalogue, seen items left out" if kind == "clicks" else "by impression"


def _row(row: PlannedRow, plan: Plan, folder: Path, cells: dict[str, dict[str, Cell]], test: Test, main: str) -> Row:
    trained: list[Trained] = []
    failures: list[Failure] = []
    for seed in plan.seeds:
        record = cell_record(row, seed, folder)
        if record is None or record.failure:
            failures.append(Failure(seed=seed, why="not trained" if record is None else record.failure))
        else:
            trained.append(read_training(cell_folder(row, seed, folder), record, row.tuning))
    parameters = _parameters(cell_folder(row, trained[0].seed, folder)) if trained else (None, None)
    head = " ".join([HEAD, *row.name.split(" ", 1)[1:]])
    return Row(
        name=row.name,
        tuning=row.tuning,
        variation=row.variation,
        trunk_rate=row.trunk_rate,
        trained=trained,
        failures=failures,
        trained_parameters=parameters[0],
        parameters=parameters[1],
        quality=cells.get(row.name),
        against_head=test.difference(main, row.name, head),
        against_untrained=test.difference(main, row.name, test.untrained.get(row.name)),
    )


def _parameters(folder: Path) -> tuple[int | None, int]:
    """Those that learn, and all."""
    from distill_rec.model_records import TeacherRecord
    from distill_rec.records import read_record

    found = read_record(TeacherRecord, folder / "model.json")
    extra = found.model_extra or {}
    return extra.get("trained_parameters"), found.parameters
