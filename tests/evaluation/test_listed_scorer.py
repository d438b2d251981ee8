"""Scores that were made once rank the samples that they are of, whoever drew them and in whatever order."""

import numpy as np
import pytest
from tiny import make_dataset

from distill_rec.data.ragged import Ragged
from distill_rec.data.scores import ListedScores, top_of
from distill_rec.evaluation.listed import ListedScorer, coverage
from distill_rec.evaluation.protocol import evaluate
from distill_rec.evaluation.scorer import DotScorer
from distill_rec.runtime.errors import DataError


def both(kind, most=60):
    """The same scores as vectors and as a table of the test and of validation."""
    dataset, generator = make_dataset(kind), np.random.default_rng(0)
    items = generator.normal(size=(60, 4)).astype(np.float32)
    mean = lambda history: np.stack([items[row].mean(0) if len(row) else items[0] * 0 for row in history])  # noqa: E731
    parts = {part: getattr(dataset, part) for part in ("test", "validation")}
    dense = {part: mean(one.history.take(np.arange(len(one)))) @ items.T for part, one in parts.items()}
    tables = {part: top_of(one, most) for part, one in dense.items()}
    return dataset, DotScorer("it", items, mean), tables


@pytest.mark.parametrize("kind", ["clicks", "impressions"])
def test_it_ranks_as_the_model_that_it_was_asked_of(kind):
    dataset, model, tables = both(kind)
    parts = [(getattr(dataset, part), table) for part, table in tables.items()]
    listed = ListedScorer("listed", parts)
    drawn = np.random.default_rng(1).permutation(80)[:30]
    for samples in (dataset.test, dataset.validation, dataset.test.take(drawn)):
        ours, theirs = evaluate(listed, samples, dataset), evaluate(model, samples, dataset)
        for name in theirs.values:
            np.testing.assert_allclose(ours.values[name], theirs.values[name], rtol=1e-6)


def test_what_is_not_listed_stands_below_together():
    dataset, _, tables = both("clicks", most=3)
    listed = ListedScorer("listed", [(dataset.test, tables["test"])])
    every = Ragged.from_rows([np.arange(60)])
    scores = listed.scores_of(dataset.test, np.array([5]), every)
    best = tables["test"].items[5]
    rest = np.delete(scores, best)
    assert (rest == rest[0]).all() and scores[best].min() > rest[0]


@pytest.mark.parametrize("kind", ["clicks", "impressions"])
def test_a_sample_without_scores_is_no_sample_of_its(kind):
    dataset, _, tables = both(kind)
    listed = ListedScorer("listed", [(dataset.test, tables["test"])])
    with pytest.raises(DataError, match="listed, sample 2: no scores"):
        listed.scores_of(dataset.validation, np.array([2]), Ragged.from_rows([[1]]))
    empty = ListedScores.of(*(np.empty(0, np.int64),) * 2, np.empty(0, np.float32), 80)
    assert coverage(dataset, tables, "test") == (80, 80) and coverage(dataset, {"test": empty}, "test") == (0, 80)
    assert coverage(dataset, {}, "test") == (0, 80)
