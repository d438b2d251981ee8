"""What lists are like beyond accuracy: by hand, and scikit-learn's TF-IDF and distances as oracle."""

from __future__ import annotations

import math

import numpy as np
import pytest
from evaluation_worlds import build_world, fixed, make_dataset, queries
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_distances

from distill_rec.evaluation.bootstrap import interval, known_means, resampled_means
from distill_rec.evaluation.compare import compare
from distill_rec.evaluation.lists import lists_beyond
from distill_rec.evaluation.report import page
from distill_rec.evaluation.results import Results
from distill_rec.evaluation.text_space import TextSpace, intra_list_distance
from distill_rec.recipe import EvaluateSection

TEXTS = ["red cat on a mat", "red dog", "blue whale, blue sea", "", "the cat and the dog", "sea of red"]


def test_distances_are_scikit_learns() -> None:
    vectors = TextSpace(TEXTS).vectors(TEXTS)
    expected = cosine_distances(TfidfVectorizer(token_pattern=r"(?u)\w+").fit_transform(TEXTS))
    np.testing.assert_allclose(cosine_distances(vectors), expected, atol=1e-12)
    lists = np.array([[0, 1, 4, 5], [2, 3, -1, -1], [2, -1, -1, -1], [0, 4, 1, -1]])
    found = intra_list_distance(lists, vectors)
    for row, known in zip(lists, found, strict=True):
        own = row[row >= 0]
        pairs = [expected[a, b] for a in own for b in own if a < b]
        assert math.isnan(known) if not pairs else known == pytest.approx(np.mean(pairs))


def test_properties_by_hand() -> None:
    samples = queries([5, 5], [[0], []])
    dataset = make_dataset([8, 4, 2, 1, 0, 0], samples)
    lists = {"a": [np.array([[1, 2], [0, 1]])], "b": [np.array([[3, -1], [-1, -1]])]}
    found, differences = lists_beyond(lists, samples, np.arange(2), dataset, resamples=50, seed=0)
    assert (found["a"].coverage, found["b"].coverage) == (0.5, 1 / 6)
    bits = -np.log2(np.array([9, 5, 3, 2]) / 21)
    assert found["a"].novelty == pytest.approx(np.mean([bits[1], bits[2], bits[0], bits[1]]))
    assert found["a"].popularity_lift == pytest.approx(3 / 8)  # of the one user with a history
    assert (found["b"].novelty, found["b"].diversity, found["b"].users) == (pytest.approx(bits[3]), None, 1)
    apart = {one.metric: one.value for one in differences}  # b's one list has one item, and its user no history to lift
    assert apart == {"novelty": pytest.approx(found["a"].novelty - bits[3]), "popularity_lift": pytest.approx(2 / 8)}
    assert found["a"].intervals["novelty"][0] <= found["a"].novelty <= found["a"].intervals["novelty"][1]


def test_lists_and_agreement_are_of_all_seeds_with_their_spread() -> None:
    dataset, models = build_world({"one": 0.9, "other": 0.4, "teacher": 1.0})
    section = EvaluateSection(bootstrap=100, list_users=40, examples=0)

    def compared(*seeds: str) -> Results:
        return compare({"student": [models[name] for name in seeds], "teacher": models["teacher"]}, dataset, section)

    alone = {name: compared(name) for name in ("one", "other")}
    both = compared("one", "other")
    lists = both.lists["student"]
    for figure in ("coverage", "novelty", "diversity", "popularity_lift"):
        each = [getattr(one.lists["student"], figure) for one in alone.values()]
        assert getattr(lists, figure) == pytest.approx(np.mean(each))
        assert lists.spread[figure] == pytest.approx(np.std(each, ddof=1))
    for measure, cells in both.agreements[0].cells.items():
        each = [one.agreements[0].cells[measure]["student"].mean for one in alone.values()]
        assert cells["student"].mean == pytest.approx(np.mean(each))
        assert cells["student"].spread == pytest.approx(np.std(each, ddof=1))
    assert both.lists["teacher"] == alone["one"].lists["teacher"] and not both.lists["teacher"].spread
    assert "over seeds" in page(both) and "over seeds before" in page(alone["one"])


def test_every_column_is_measured_on_the_same_users_and_what_is_popular_is_not_novel() -> None:
    dataset, models = build_world({"student": 0.5, "teacher": 1.0})
    found = compare(
        models | {"popularity": fixed("popularity", dataset.train_clicks)},
        dataset,
        EvaluateSection(bootstrap=100, list_users=40),
    )
    assert {one.users for one in found.lists.values()} == {40}
    popular, teacher = found.lists["popularity"], found.lists["teacher"]
    assert popular.coverage < teacher.coverage and popular.novelty < teacher.novelty  # type: ignore[operator]
    assert popular.popularity_lift > teacher.popularity_lift  # type: ignore[operator]
    apart = next(d for d in found.list_differences if (d.metric, d.second) == ("novelty", "popularity"))
    mine = found.lists[apart.first].novelty
    assert apart.value == pytest.approx(mine - popular.novelty) and apart.low > 0  # type: ignore[operator]


def test_means_of_those_who_have_a_value_are_paired_and_those_of_everyone_where_all_have() -> None:
    values = np.random.default_rng(0).normal(size=(60, 2))
    means, draws = known_means(values, 100, 3)
    np.testing.assert_allclose(means, values.mean(axis=0))
    np.testing.assert_allclose(draws, resampled_means(values, 100, 3), atol=1e-6)
    values[::3, 1], values[1::3, 0] = np.nan, np.nan
    means, draws = known_means(values, 100, 3)
    np.testing.assert_allclose(means, np.nanmean(values, axis=0))
    low, high = interval(draws[:, 0])
    assert low < means[0] < high
    nobody, undrawn = known_means(np.full((4, 1), np.nan), 10, 0)
    assert np.isnan(nobody).all() and np.isnan(undrawn).all()
