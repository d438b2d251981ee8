"""What a comparison tells beyond accuracy: lists, agreement, where teacher and student differ most, calibration.

Of several seeds of a model the first is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping

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
    scorers: Mapping[str, Scorer],
    samples: Samples,
    dataset: Dataset,
    section: EvaluateSection,
    task: Task,
) -> None:
    """Write the lists' properties, agreement with the teacher and the examples into the results."""
    rows = drawn_rows(samples, section.seed, section.list_users)
    draws = {"resamples": section.bootstrap, "seed": section.seed}
    found = lists_of(scorers, samples, rows, dataset, seed=section.seed, task=task)
    items = {name: one.items for name, one in found.items()}
    results.lists, results.list_differences = lists_beyond(items, samples, rows, dataset, **draws)
    _tell_agreement(results, scorers, found, samples, rows, draws)
    if {"teacher", "student"} <= set(found):
        teacher, student = ((scorers[name], items[name]) for name in ("teacher", "student"))
        results.examples = disagreements(teacher, student, samples, rows, dataset, section.examples)


def _tell_agreement(  # noqa: PLR0913
    results: Results,
    scorers: Mapping[str, Scorer],
    lists: Mapping[str, Lists],
    samples: Samples,
    rows: NDArray[np.int64],
    draws: dict[str, int],
) -> None:
    on_lists = {name: one.agreement for name, one in lists.items() if one.agreement is not None}
    over_all, shown = agreement_table("agreement", OVER_ALL, on_lists, **draws), None
    if not isinstance(samples, Queries):
        on_shown = agreement_on_candidates(scorers, samples, rows)
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
