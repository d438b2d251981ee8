"""From the folders of a search's trials to what it found; the test is asked here, of what stands on the front."""

from __future__ import annotations

from datetime import UTC, datetime

from distill_rec.data.dataset import Dataset
from distill_rec.evaluation.compare import drawn
from distill_rec.evaluation.metrics import CATALOGUE, IMPRESSIONS
from distill_rec.evaluation.protocol import PerSample, evaluate
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


class Test:
    """Models on the test, by the protocol of every comparison.

    Attributes:
        cells: by name and metric.
    """

    def __init__(self, scorers: dict[str, Scorer], dataset: Dataset, section: EvaluateSection) -> None:
        samples = drawn(dataset.test, section)
        self._draws = {"resamples": section.bootstrap, "seed": section.seed}
        self._found: dict[str, list[PerSample]] = {
            name: [evaluate(scorer, samples, dataset)] for name, scorer in scorers.items()
        }
        table = build("test", "test", self._found, **self._draws)
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
        table = build("test", "test", pair, **self._draws)
        return None if table is None else table.ratio("Q'" if metric == "auc" else "Q", metric)


def read_search(search: Search, begun: SpaceRecord, metric: str, left: str, progress: Progress) -> SearchRecord:
    """Everything that the search found."""
    dataset = Dataset.load(search.run / "prepare")
    section = search.recipe.evaluate or EvaluateSection()
    trials = [found for one in search.drawn() if (found := search.trial(one.number)) is not None]
    short = short_names(space_of(search.recipe))
    pairs = [(trial, point) for trial in trials if not trial.failure for point in trial.points]
    figures = [figures_of(point, begun, metric) for _, point in pairs]
    fronts, chosen = front_of(figures), choose(figures, search.budget)
    several = any(len(trial.points) > 1 for trial in trials)
    names = [f"#{trial.number} {point.precision}" if several else f"#{trial.number}" for trial, point in pairs]
    own = next((name for (trial, _), name in zip(pairs, names, strict=True) if trial.number == 0), "")
    tested = [name for place, name in enumerate(names) if fronts[place] or place == chosen or name == own]
    test = _test(search, dataset, section, dict(zip(names, pairs, strict=True)), tested, progress)
    found = [
        _found(name, pair, figure, front, search, short, metric, test, own)
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
        resamples=section.bootstrap,
        chosen=None if chosen is None else names[chosen],
        left=left,
        verdicts=[],
    )
    record.verdicts = verdicts(record)
    return record


def _test(  # noqa: PLR0913
    search: Search,
    dataset: Dataset,
    section: EvaluateSection,
    pairs: dict[str, tuple[TrialRecord, Point]],
    tested: list[str],
    progress: Progress,
) -> Test:
    scorers: dict[str, Scorer] = {POPULARITY: popularity(dataset.train_clicks)}
    with progress.task("search: the front on the test", len(tested)) as task:
        for name in tested:
            trial, point = pairs[name]
            scorers[name] = precisions_of(search.place(trial.number), dataset)[point.precision]
            task.advance()
        if search.recipe.teacher is not None:
            from distill_rec.teacher_model import Teacher

            teacher = Teacher.load(search.run / "teach").scorer_on(dataset, "test")
            scorers |= {} if teacher is None else {TEACHER: teacher}
        return Test(scorers, dataset, section)


def _found(  # noqa: PLR0913
    name: str,
    pair: tuple[TrialRecord, Point],
    figures: Figures,
    front: bool,
    search: Search,
    short: dict[str, str],
    metric: str,
    test: Test,
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
