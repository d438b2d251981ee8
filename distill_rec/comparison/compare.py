"""What a notebook compares: models of any kind on the test of one data set, by the protocol of `evaluate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill_rec.comparison.models import Compared, compared
from distill_rec.comparison.result import Comparison
from distill_rec.comparison.tested import tested
from distill_rec.evaluation.columns import ordered
from distill_rec.evaluation.cost import measure_each
from distill_rec.evaluation.others import others_of
from distill_rec.evaluation.scorer import DotScorer, Scorer, popularity
from distill_rec.pipeline.evaluate import tested_parts
from distill_rec.progress import Progress
from distill_rec.runtime.errors import RunError
from distill_rec.training.transition_term import with_transitions

if TYPE_CHECKING:
    from distill_rec.data.dataset import Dataset
    from distill_rec.runs import Run


def compare(
    dataset: Run | Dataset | str | Path,
    models: Mapping[str, Any],
    *,
    progress: Progress | None = None,
    **evaluate: Any,
) -> Comparison:
    """Evaluate models on one test: paired, by the same protocol and bootstrap as `distill-rec evaluate`.

    Popularity stands beside them, unasked: what does not beat it is worth nothing.

    Args:
        dataset: a run, its folder, or prepared data (a `Dataset` or its folder, `RUN/prepare`).
        models: by name. Each is a `Teacher`, a `Student`, a student in torch (`load_student`), the folder of one of
            these (`RUN/teach`, `RUN/export/student`, `RUN/distill/undistilled`), a file of scores or ranked lists of
            the test (`others` of `[evaluate]` takes one with other columns than `user_id, item_id, score`), anything
            with `scores(history, candidates)` of item numbers (`distill_rec.evaluation.Scorer`) or `rank(history,
            candidates)` of item ids; or a list of such, trained from several seeds, whose values are averaged. The
            names "teacher" and "student" say what is kept of what; models of other names are taken for further
            students.
        progress: where progress is told; nowhere where not given.
        evaluate: keys of `[evaluate]` in a recipe (`bootstrap`, `max_users`, `seen_items`, `slices`, `others`,
            `transitions`, `cost`, `list_users`, `examples`, `seed`); where not given as the run has them (but its
            `others`), or at their defaults.

    Returns:
        What was found, which shows itself in a notebook.

    Raises:
        RunError: there is no prepared data, or a model is none, or was made for another catalogue.
        RecipeError: a key of `evaluate` is unknown or out of its range.
        DataError: a model lacks an item, or gives scores that are not finite.

    Example:
        >>> run = Run.load("runs/demo")
        >>> compare(run, {"teacher": run.teacher, "student": run.student})
    """
    from distill_rec.evaluation.compare import compare as evaluated

    if not models:
        raise RunError("compare", "no models", 'at least one, as {"student": run.student}')
    test = tested(dataset, evaluate)
    found = {name: compared(name, model, test.dataset) for name, model in models.items()}
    others = others_of(test.section.others, test.dataset, tested_parts(test.dataset))
    scorers: dict[str, Any] = _with_terms(found, test.dataset, progress)
    costs = measure_each(_measurable(found), test.dataset, progress) if test.section.cost else {}
    results = evaluated(
        _with_baselines(scorers | others.scorers, test.dataset, test.section.transitions),
        test.dataset,
        test.section,
        name=test.name,
        costs={name: costs[name] for name in ordered(costs)},
        curves={name: one.curve for name, one in found.items() if one.curve},
        losses={name: one.loss for name, one in found.items() if one.loss},
        endings={name: one.endings for name, one in found.items() if one.endings},
        labels=test.labels,
        probabilities=others.probabilities,
        remarks=[*(remark for one in found.values() for remark in one.remarks), *others.remarks],
        progress=progress,
    )
    return Comparison(results)


def _with_terms(
    found: Mapping[str, Compared], dataset: Dataset, progress: Progress | None
) -> dict[str, Sequence[Scorer]]:
    """Scorers of each model, teachers with a transition term where a student has one, as in a run's report."""
    scorers = {name: one.scorers for name, one in found.items()}
    if any(isinstance(one, DotScorer) and one.transitions is not None for each in scorers.values() for one in each):
        for name, one in found.items():
            if one.served is not None and one.served.kind == "teacher":
                seeds = {str(number): scorer for number, scorer in enumerate(one.scorers)}
                scorers[name] = list(with_transitions(seeds, dataset, progress).values())
    return scorers


def _measurable(found: Mapping[str, Compared]) -> dict[str, Any]:
    return {name: one.served for name, one in found.items() if one.served is not None}


def _with_baselines(scorers: dict[str, Any], dataset: Dataset, transitions: bool) -> dict[str, Any]:
    """The models with what they must beat; one of a baseline's name is taken for it."""
    baselines: dict[str, Any] = {}
    if "popularity" not in scorers:
        baselines["popularity"] = [popularity(dataset.train_clicks)]
    if transitions and "transitions" not in scorers:
        from distill_rec.evaluation.transitions import Transitions

        baselines["transitions"] = [Transitions.of(dataset)]
    return baselines | scorers
