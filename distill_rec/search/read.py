"""From the folders of a search's trials to what it found; the test is asked here, of what stands on the front."""

from __future__ import annotations

from datetime import UTC, datetime

from distill_rec.data.dataset import Dataset
from distill_rec.evaluation.compare import drawn
from distill_rec.evaluation.metrics import CATALOGUE, IMPRESSIONS
from distill_rec.evaluation.protocol import PerSample, Samples, evaluate
from distill_rec.evaluation.results import Cell, Difference, Ratio
from distill_rec.evaluation.scorer import Scorer, popularity
from distill_rec.evaluation.tables import build, difference_of
from distill_rec.progress import Progress
from distill_rec.recipe import EvaluateSection
from distill_rec.search.front import Figures, choose, fits, front_of
from distill_rec.search.records import Failed, Found, Point, SearchRecord, SpaceRecord, TrialRecord
from distill_rec.search.space import space_of
from distill_rec.search.trial import precisions_of
from distill_rec.search.trials import Search, figures_of
from distill_rec.search.verdicts import verdicts
from distill_rec.search.words import short_names, student_in_words
from distill_rec.study.read import grouping_of

TEACHER, POPULARITY = "teacher", "popularity"


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
        self._resamples, self._seed = section.bootstrap, section.seed
        self._found: dict[str, list[PerSample]] = {
            name: [evaluate(scorer, samples, dataset, leave_out_seen=leave_out_seen)]
            for name, scorer in scorers.items()
        }
        table = build("part", "part", self._found, resamples=self._resamples, seed=self._seed)
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
        return difference_of(metric, *pair, (first, second), resamples=self._resamples, seed=self._seed)

    def kept(self, metric: str, name: str) -> Ratio | None:
        """Q, or Q' of AUC."""
        if not {name, TEACHER} <= set(self.cells):
            return None
        pair = {"student": self._found[name], TEACHER: self._found[TEACHER]}
        table = build("part", "part", pair, resamples=self._resamples, seed=self._seed)
        return None if table is None else table.ratio("Q'" if metric == "auc" else "Q", metric)


def read_search(search: Search, begun: SpaceRecord, metric: str, left: str, progress: Progress) -> SearchRecord:
    """Everything that the search found."""
    dataset = Dataset.load(search.run / "prepare")
    section = search.recipe.evaluate or EvaluateSection()
    trials = [trial for one in search.drawn() if (trial := search.trial(one.number)) is not None]
    short = short_names(space_of(search.recipe))
    pairs = [(trial, point) for trial in trials if not trial.failure for point in trial.points]
    figures = [figures_of(point, begun, metric) for _, point in pairs]
    fronts, chosen = front_of(figures), choose(figures, search.budget)
    several = any(len(trial.points) > 1 for trial in trials)
    names = [f"#{trial.number} {point.precision}" if several else f"#{trial.number}" for trial, point in pairs]
    own = next((name for (trial, _), name in zip(pairs, names, strict=True) if trial.number == 0), "")
    tested = [name for place, name in enumerate(names) if fronts[place] or place == chosen or name == own]
    students = _students(search, dataset, dict(zip(names, pairs, strict=True)), tested, progress)
    test = Compared(
        {POPULARITY: popularity(dataset.train_clicks), **students, **_teacher(search, dataset, "test")},
        dataset.test,
        dataset,
        section,
    )
    on_validation = {**students, **_teacher(search, dataset, "validation")}
    validation = Compared(on_validation, dataset.validation, dataset, section, begun.leave_out_seen)
    found = [
        _found(name, pair, figure, front, search, short, metric, test, own).model_copy(
            update={"kept_on_validation": validation.kept(metric, name)}
        )
        for name, pair, figure, front in zip(names, pairs, figures, fronts, strict=True)
    ]
    registry = CATALOGUE if dataset.kind == "clicks" else IMPRESSIONS
    record = SearchRecord(
        name=search.recipe.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        grouping=grouping_of(dataset.kind),
        metrics={name: one.title for name, one in registry.items()},
        main_metric=metric,
        budget=search.budget,
        teacher=begun.teacher,
        found=found,
        failed=[
            Failed(number=one.number, student=student_in_words(one.changes, short), why=one.failure)
            for one in trials
            if one.failure
        ],
        baselines={name: test.cells[name] for name in (POPULARITY, TEACHER) if name in test.cells},
        users=test.users,
        validation_users=validation.users,
        resamples=section.bootstrap,
        chosen=None if chosen is None else names[chosen],
        left=left,
        verdicts=[],
    )
    record.verdicts = verdicts(record)
    return record


def _students(
    search: Search,
    dataset: Dataset,
    pairs: dict[str, tuple[TrialRecord, Point]],
    names: list[str],
    progress: Progress,
) -> dict[str, Scorer]:
    """The exported students of some points, by name."""
    scorers: dict[str, Scorer] = {}
    with progress.task("search: loading the front", len(names)) as task:
        for name in names:
            trial, point = pairs[name]
            scorers[name] = precisions_of(search.place(trial.number), dataset)[point.precision]
            task.advance()
    return scorers


def _teacher(search: Search, dataset: Dataset, part: str) -> dict[str, Scorer]:
    """The teacher by its name; nothing where there is none, or none that has scores of this part."""
    if search.recipe.teacher is None:
        return {}
    from distill_rec.teacher_model import Teacher

    found = Teacher.load(search.run / "teach").scorer_on(dataset, part)
    return {} if found is None else {TEACHER: found}


def _found(  # noqa: PLR0913
    name: str,
    pair: tuple[TrialRecord, Point],
    figures: Figures,
    front: bool,
    search: Search,
    short: dict[str, str],
    metric: str,
    test: Compared,
    own: str,
) -> Found:
    trial, point = pair
    assert trial.stopped is not None
    return Found(
        name=name,
        number=trial.number,
        student=student_in_words(trial.changes, short),
        changes=trial.changes,
        point=point,
        kept=figures.kept,
        fits=fits(figures, search.budget),
        front=front,
        stopped=trial.stopped,
        rising=trial.rising,
        updates=trial.updates,
        training_seconds=trial.training_seconds,
        test=test.cells.get(name),
        against_teacher=test.difference(metric, name, TEACHER),
        against_recipe=test.difference(metric, name, own),
        kept_on_test=test.kept(metric, name),
    )
