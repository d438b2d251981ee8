"""What a comparison tells beyond accuracy: lists, agreement, where teacher and student differ most, calibration.

Of several seeds of a model all are looked at; examples are of the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.dataset import Dataset, Queries
from distill_rec.evaluation.agreements import agreement_table, of_student
from distill_rec.evaluation.calibration import calibration_of
from distill_rec.evaluation.disagreements import disagreements
from distill_rec.evaluation.lists import lists_beyond
from distill_rec.evaluation.protocol import Samples
from distill_rec.evaluation.results import Calibration, Results
from distill_rec.evaluation.scorer import Scorer
from distill_rec.evaluation.top_lists import Lists, agreement_on_candidates, drawn_rows, lists_of
from distill_rec.progress import Task
from distill_rec.recipe import EvaluateSection

OVER_ALL = "agreement with the teacher over the catalogue"
ON_SHOWN = "agreement with the teacher on what was shown"


def tell_lists(  # noqa: PLR0913
    results: Results,
    scorers: Mapping[str, Sequence[Scorer]],
    samples: Samples,
    dataset: Dataset,
    section: EvaluateSection,
    task: Task,
) -> None:
    """Write the lists' properties, agreement with the teacher and the examples into the results.

    Args:
        scorers: of each model, one per seed; the examples are the first seed's.
    """
    rows = drawn_rows(samples, section.seed, section.list_users)
    draws = {"resamples": section.bootstrap, "seed": section.seed}
    passes = [lists_of(together, samples, rows, dataset, seed=section.seed, task=task) for together in by_seed(scorers)]
    found = _of_seeds(passes, scorers)
    items = {name: [one.items for one in seeds] for name, seeds in found.items()}
    results.lists, results.list_differences = lists_beyond(items, samples, rows, dataset, **draws)
    _tell_agreement(results, scorers, found, samples, rows, draws)
    if {"teacher", "student"} <= set(found):
        teacher, student = ((scorers[name][0], items[name][0]) for name in ("teacher", "student"))
        results.examples = disagreements(teacher, student, samples, rows, dataset, section.examples)


def by_seed(scorers: Mapping[str, Sequence[Scorer]], beside: str = "teacher") -> list[dict[str, Scorer]]:
    """The models that are looked at together, seed by seed; the one that all are compared with begins anew where it has
    fewer seeds than another."""
    out = []
    for seed in range(max(map(len, scorers.values()), default=0)):
        together = {name: seeds[seed] for name, seeds in scorers.items() if seed < len(seeds)}
        if beside in scorers:
            together[beside] = scorers[beside][seed % len(scorers[beside])]
        out.append({name: together[name] for name in scorers if name in together})
    return out


def _of_seeds(passes: Sequence[Mapping[str, Lists]], scorers: Mapping[str, Sequence[Scorer]]) -> dict[str, list[Lists]]:
    """Each model's seeds, once each."""
    return {
        name: [one[name] for one in passes[: len(seeds)] if name in one]
        for name, seeds in scorers.items()
        if name in passes[0]
    }


def _tell_agreement(  # noqa: PLR0913
    results: Results,
    scorers: Mapping[str, Sequence[Scorer]],
    lists: Mapping[str, Sequence[Lists]],
    samples: Samples,
    rows: NDArray[np.int64],
    draws: dict[str, int],
) -> None:
    on_lists = {
        name: [one.agreement for one in seeds if one.agreement is not None]
        for name, seeds in lists.items()
        if seeds[0].agreement is not None
    }
    over_all, shown = agreement_table("agreement", OVER_ALL, on_lists, **draws), None
    if not isinstance(samples, Queries):
        on_shown: dict[str, list[dict[str, NDArray[np.float64]]]] = {}
        for together in by_seed(scorers):
            for name, one in agreement_on_candidates(together, samples, rows).items():
                on_shown.setdefault(name, []).append(one)
        shown = agreement_table("agreement-shown", ON_SHOWN, on_shown, **draws)
    results.agreements = [table for table in (over_all, shown) if table is not None]
    results.agreement = of_student(over_all)


def calibrations_of(
    probabilities: Mapping[str, NDArray[np.float64]], dataset: Dataset, section: EvaluateSection
) -> dict[str, Calibration]:
    """Of models that predict the probability of a click for the candidates of the test's impressions."""
    test, out = dataset.test, {}
    for name, found in probabilities.items():
        assert not isinstance(test, Queries)
        known = ~np.isnan(found)
        user = np.repeat(np.asarray(test.user, dtype=np.int64), test.candidates.lengths)[known]
        clicked = np.asarray(test.labels.values)[known] > 0
        out[name] = calibration_of(found[known], clicked, user, resamples=section.bootstrap, seed=section.seed)
    return out
