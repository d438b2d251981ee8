"""Whatever has scores is ranked, as the dot product of vectors is: same figures, same refusals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from evaluation_worlds import build_world, impressions, make_dataset
from numpy.typing import NDArray

from distill_rec.data.ragged import Ragged
from distill_rec.evaluation.compare import compare
from distill_rec.evaluation.protocol import evaluate
from distill_rec.evaluation.scorer import DotScorer, Scorer
from distill_rec.recipe import EvaluateSection
from distill_rec.runtime.errors import DataError


@dataclass
class Opaque:
    """Another model's scores and nothing else of it."""

    inner: Scorer
    name: str = "opaque"
    wrong: float | None = None

    def scores(self, history: Ragged, candidates: Ragged) -> NDArray[np.float32]:
        found = self.inner.scores(history, candidates)
        if self.wrong is not None:
            found[-1] = self.wrong
        return found


def test_a_model_with_scores_alone_gets_the_figures_of_its_vectors() -> None:
    dataset, models = build_world({"teacher": 0.9, "student": 0.7})
    section = EvaluateSection(bootstrap=100, seen_items="both", examples=3)
    usual = compare(models, dataset, section)
    opaque = compare({name: Opaque(one, name) for name, one in models.items()}, dataset, section)
    assert [table.key for table in opaque.tables] == [table.key for table in usual.tables]
    for ours, theirs in zip(opaque.tables, usual.tables, strict=True):
        assert ours.cells == theirs.cells
    assert opaque.agreement == usual.agreement
    assert opaque.lists == usual.lists
    assert [one.user for one in opaque.examples] == [one.user for one in usual.examples]


def test_impressions_too() -> None:
    vectors = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    model = DotScorer("m", vectors, lambda history: np.ones((len(history), 3), np.float32))
    shown = impressions([[0, 1, 2], [5, 3], [4, 1]], [[0, 1, 0], [1, 0], [0, 1]], [0, 1, 1])
    dataset = make_dataset([1] * 6, shown)
    ours, theirs = (evaluate(one, shown, dataset).values for one in (Opaque(model), model))
    assert {name: values.tolist() for name, values in ours.items()} == {
        name: values.tolist() for name, values in theirs.items()
    }


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_scores_that_are_not_finite_name_the_model_and_the_sample(wrong: float) -> None:
    dataset, models = build_world({"student": 0.7}, n_users=3)
    with pytest.raises(DataError, match="opaque, test sample 2"):
        evaluate(Opaque(models["student"], wrong=wrong), dataset.test, dataset)
    shown = impressions([[0, 1], [2, 3]], [[0, 1], [1, 0]], [0, 1])
    model = DotScorer("m", np.ones((4, 1), np.float32), lambda history: np.ones((len(history), 1), np.float32))
    with pytest.raises(DataError, match="opaque, test sample 1"):
        evaluate(Opaque(model, wrong=wrong), shown, make_dataset([0] * 4, shown))
