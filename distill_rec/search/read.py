"""From the folders of a search's trials to what it found; the test is asked here, of what stands on the front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from distill_rec.data.dataset import Dataset
from distill_rec.evaluation.metrics import CATALOGUE, IMPRESSIONS
from distill_rec.evaluation.scorer import Scorer, popularity
from distill_rec.progress import Progress
from distill_rec.recipe import EvaluateSection
from distill_rec.search.begin import teacher_of
from distill_rec.search.compared import TEACHER, Compared
from distill_rec.search.front import Figures, choose, fits, front_of
from distill_rec.search.records import Failed, Found, Point, SearchRecord, SpaceRecord, TrialRecord
from distill_rec.search.space import space_of
from distill_rec.search.trial import precisions_of
from distill_rec.search.trials import Search, figures_of
from distill_rec.search.verdicts import verdicts
from distill_rec.search.words import short_names, student_in_words
from distill_rec.study.read import grouping_of

POPULARITY = "popularity"


@dataclass(frozen=True)
class Row:
    """A point of a trial that ended well; see `Found`."""

    name: str
    trial: TrialRecord
    point: Point
    figures: Figures
    front: bool


def read_search(search: Search, begun: SpaceRecord, metric: str, left: str, progress: Progress) -> SearchRecord:
    """Everything that the search found."""
    dataset = Dataset.load(search.run / "prepare")
    section = search.recipe.evaluate or EvaluateSection()
    trials = [found for one in search.drawn() if (found := search.trial(one.number)) is not None]
    rows = rows_of(trials, begun, metric)
    place = choose([row.figures for row in rows], search.budget)
    chosen = None if place is None else rows[place].name
    tested = [row for row in rows if row.front or row.name == chosen or row.trial.number == 0]
    students = _students(search, dataset, tested, progress)
    baseline = {POPULARITY: popularity(dataset.train_clicks)}
    test = Compared({**baseline, **students, **_teacher(search, dataset, "test")}, dataset.test, dataset, section)
    on_validation = {**students, **_teacher(search, dataset, "validation")}
    validation = Compared(on_validation, dataset.validation, dataset, section, begun.leave_out_seen)
    registry = CATALOGUE if dataset.kind == "clicks" else IMPRESSIONS
    record = SearchRecord(
        name=search.recipe.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        grouping=grouping_of(dataset.kind),
        metrics={name: one.title for name, one in registry.items()},
        main_metric=metric,
        budget=search.budget,
        teacher=begun.teacher,
        found=_found(search, rows, metric, test, validation),
        failed=_failed(search, trials),
        baselines={name: test.cells[name] for name in (POPULARITY, TEACHER) if name in test.cells},
        users=test.users,
        validation_users=validation.users,
        resamples=section.bootstrap,
        chosen=chosen,
        left=left,
        verdicts=[],
    )
    record.verdicts = verdicts(record)
    return record


def rows_of(trials: Sequence[TrialRecord], begun: SpaceRecord, metric: str) -> list[Row]:
    """The points of all trials that ended well, and which of them are on the front."""
    pairs = [(trial, point) for trial in trials if not trial.failure for point in trial.points]
    figures = [figures_of(point, begun, metric) for _, point in pairs]
    several = any(len(trial.points) > 1 for trial in trials)
    return [
        Row(f"#{trial.number} {point.precision}" if several else f"#{trial.number}", trial, point, one, front)
        for (trial, point), one, front in zip(pairs, figures, front_of(figures), strict=True)
    ]


def _students(search: Search, dataset: Dataset, rows: Sequence[Row], progress: Progress) -> dict[str, Scorer]:
    """Their exported students, by name."""
    scorers: dict[str, Scorer] = {}
    with progress.task("search: loading the front", len(rows)) as task:
        for row in rows:
            scorers[row.name] = precisions_of(search.place(row.trial.number), dataset)[row.point.precision]
            task.advance()
    return scorers


def _teacher(search: Search, dataset: Dataset, part: str) -> dict[str, Scorer]:
    """The teacher by its name; nothing where there is none, or none that has scores of this part."""
    found = teacher_of(search, dataset, part)
    return {} if found is None else {TEACHER: found}


def _found(search: Search, rows: Sequence[Row], metric: str, test: Compared, validation: Compared) -> list[Found]:
    short = short_names(space_of(search.recipe))
    own = next((row.name for row in rows if row.trial.number == 0), "")
    out = []
    for row in rows:
        trial = row.trial
        assert trial.stopped is not None
        one = Found(
            name=row.name,
            number=trial.number,
            student=student_in_words(trial.changes, short),
            changes=trial.changes,
            point=row.point,
            kept=row.figures.kept,
            fits=fits(row.figures, search.budget),
            front=row.front,
            stopped=trial.stopped,
            rising=trial.rising,
            updates=trial.updates,
            training_seconds=trial.training_seconds,
            test=test.cells.get(row.name),
            against_teacher=test.difference(metric, row.name, TEACHER),
            against_recipe=test.difference(metric, row.name, own),
            kept_on_validation=validation.kept(metric, row.name),
            kept_on_test=test.kept(metric, row.name),
        )
        out.append(one)
    return out


def _failed(search: Search, trials: Sequence[TrialRecord]) -> list[Failed]:
    short = short_names(space_of(search.recipe))
    return [
        Failed(number=one.number, student=student_in_words(one.changes, short), why=one.failure)
        for one in trials
        if one.failure
    ]
