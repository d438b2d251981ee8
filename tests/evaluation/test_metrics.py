"""Hand-worked tables, and scikit-learn and enumeration as oracles."""

from __future__ import annotations

import itertools
import math

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from distill_rec.evaluation.metrics import (
    CATALOGUE,
    IMPRESSIONS,
    ImpressionRanks,
    TargetRanks,
    auc,
    mrr,
    mrr_first_hit,
    mrr_mind,
    ndcg,
    ndcg_of_impressions,
    percentile,
    rank_impressions,
    recall,
)
from distill_rec.runtime.errors import DataError

lists = st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=2, max_size=7)


def target(greater: int, ties: int, candidates: int = 100) -> TargetRanks:
    return TargetRanks(np.array([greater]), np.array([ties]), np.array([candidates]))


def one(scores: list[float], labels: list[int]) -> ImpressionRanks:
    return rank_impressions(np.array(scores), np.array(labels), np.array([0, len(scores)]))


@pytest.mark.parametrize(
    ("greater", "ties", "recall_2", "ndcg_2", "reciprocal"),
    [
        (0, 0, 1.0, 1.0, 1.0),
        (1, 0, 1.0, 1 / math.log2(3), 1 / 2),
        (2, 0, 0.0, 0.0, 1 / 3),
        (1, 1, 0.5, 0.5 / math.log2(3), (1 / 2 + 1 / 3) / 2),  # place 2 or 3
        (0, 3, 0.5, (1 + 1 / math.log2(3)) / 4, (1 + 1 / 2 + 1 / 3 + 1 / 4) / 4),
    ],
)
def test_target_metrics_by_hand(greater: int, ties: int, recall_2: float, ndcg_2: float, reciprocal: float) -> None:
    ranks = target(greater, ties)
    assert recall(ranks, 2)[0] == pytest.approx(recall_2)
    assert ndcg(ranks, 2)[0] == pytest.approx(ndcg_2)
    assert mrr(ranks)[0] == pytest.approx(reciprocal)


def test_rank_percentile_is_one_at_the_top_and_half_when_all_tie() -> None:
    assert percentile(target(0, 0, 5))[0] == 1.0
    assert percentile(target(4, 0, 5))[0] == 0.0
    assert percentile(target(0, 4, 5))[0] == 0.5


def test_mrr_has_a_name() -> None:  # behaviour 3
    ranks = one([0.9, 0.8, 0.6, 0.4], [1, 0, 0, 1])
    assert mrr_first_hit(ranks)[0] == 1.0
    assert mrr_mind(ranks)[0] == 0.625
    assert "first hit" in IMPRESSIONS["mrr_first"].title
    assert "MIND" in IMPRESSIONS["mrr"].title


def test_ndcg_ideal_holds_all_clicks_not_those_in_the_top_k() -> None:
    # clicks at places 1 and 6: the ideal has both in the first two places though only one was found
    ranks = one([6, 5, 4, 3, 2, 1], [1, 0, 0, 0, 0, 1])
    assert ndcg_of_impressions(ranks, 5)[0] == pytest.approx(1 / (1 + 1 / math.log2(3)))
    assert ndcg_of_impressions(ranks, 10)[0] == pytest.approx((1 + 1 / math.log2(7)) / (1 + 1 / math.log2(3)))


def test_ndcg_ideal_is_cut_at_k_with_more_clicks_than_places() -> None:
    assert ndcg_of_impressions(one([7, 6, 5, 4, 3, 2, 1], [1] * 6 + [0]), 5)[0] == pytest.approx(1.0)


def test_auc_counts_ties_half() -> None:
    assert auc(one([0.5, 0.5, 0.1], [1, 0, 0]))[0] == 0.75


@given(lists)
@settings(max_examples=60, deadline=None)
def test_auc_is_scikit_learns(candidates: list[tuple[int, bool]]) -> None:
    scores, labels = [float(s) for s, _ in candidates], [int(label) for _, label in candidates]
    found = auc(one(scores, labels))[0]
    if len(set(labels)) == 1:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(roc_auc_score(labels, scores))


def judged(scores: list[list[float]], labels: list[list[int]], *asked: str) -> dict[str, list[float]]:
    """What trec_eval finds of each list, by ir-measures; scores without ties, whose order it makes by name."""
    measures = [ir_measures.parse_measure(name) for name in asked]
    run = {str(q): {f"d{c}": score for c, score in enumerate(row)} for q, row in enumerate(scores)}
    known = {str(q): {f"d{c}": label for c, label in enumerate(row)} for q, row in enumerate(labels)}
    found = {name: [float("nan")] * len(scores) for name in asked}
    for one in ir_measures.iter_calc(measures, known, run):
        found[str(one.measure)][int(one.query_id)] = one.value
    return found


def test_figures_of_impressions_are_trec_evals() -> None:
    generator = np.random.default_rng(0)
    lengths = generator.integers(2, 40, 60)
    scores = [generator.permutation(int(n)).astype(float).tolist() for n in lengths]
    labels = [(generator.random(n) < 0.2).astype(int).tolist() for n in lengths]
    labels = [[1, *row[1:]] if not any(row) else row for row in labels]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    ranks = rank_impressions(np.concatenate(scores), np.concatenate(labels), offsets)
    found = judged(scores, labels, "nDCG@5", "nDCG@10", "RR")
    for name, metric in (("nDCG@5", "ndcg@5"), ("nDCG@10", "ndcg@10"), ("RR", "mrr_first")):
        np.testing.assert_allclose(IMPRESSIONS[metric].values(ranks), found[name], atol=1e-9)


def test_figures_of_one_target_are_trec_evals() -> None:
    generator = np.random.default_rng(1)
    scores = np.stack([generator.permutation(150) for _ in range(80)])
    targets = generator.integers(0, 150, 80)
    greater = (scores > scores[np.arange(80), targets][:, None]).sum(axis=1)
    ranks = TargetRanks(greater, np.zeros(80, np.int64), np.full(80, 150))
    labels = (np.arange(150) == targets[:, None]).astype(int).tolist()
    found = judged(scores.astype(float).tolist(), labels, "nDCG@10", "R@10", "R@100", "RR")
    for name, metric in (("nDCG@10", "ndcg@10"), ("R@10", "recall@10"), ("R@100", "recall@100"), ("RR", "mrr")):
        np.testing.assert_allclose(CATALOGUE[metric].values(ranks), found[name], atol=1e-9)


@given(lists.filter(lambda rows: any(label for _, label in rows)))
@settings(max_examples=40, deadline=None)
def test_ties_give_the_mean_over_all_orders(candidates: list[tuple[int, bool]]) -> None:
    def of_order(order: tuple[int, ...]) -> tuple[float, float, float]:
        hits = [place for place, i in enumerate(sorted(order, key=lambda i: -candidates[i][0]), 1) if candidates[i][1]]
        gained = sum(1 / math.log2(place + 1) for place in hits if place <= 2)
        ideal = sum(1 / math.log2(place + 1) for place in range(1, min(len(hits), 2) + 1))
        return sum(1 / place for place in hits) / len(hits), 1 / hits[0], gained / ideal

    orders = itertools.islice(itertools.permutations(range(len(candidates))), 5040)
    mean = np.mean([of_order(order) for order in orders], axis=0)
    ranks = one([s for s, _ in candidates], [int(label) for _, label in candidates])
    assert [mrr_mind(ranks)[0], mrr_first_hit(ranks)[0], ndcg_of_impressions(ranks, 2)[0]] == pytest.approx(list(mean))


def test_scores_of_either_width_are_ranked_alike() -> None:
    generator = np.random.default_rng(2)
    offsets = np.concatenate([[0], np.cumsum(generator.integers(0, 30, 200))])
    scores = generator.normal(size=offsets[-1]).astype(np.float32)
    few = generator.choice([-np.inf, -2.5, -1e-30, -0.0, 0.0, 1e-30, 2.5, 3e38], offsets[-1]).astype(np.float32)
    for values in (scores, np.where(np.isfinite(few), few, -3e38).astype(np.float32)):
        narrow, wide = (rank_impressions(one, values > 1, offsets) for one in (values, values.astype(np.float64)))
        np.testing.assert_array_equal(narrow.greater, wide.greater)
        np.testing.assert_array_equal(narrow.group, wide.group)


@pytest.mark.parametrize("metric", IMPRESSIONS.values(), ids=IMPRESSIONS.keys())
def test_every_impression_metric_gives_one_value_each(metric) -> None:  # type: ignore[no-untyped-def]
    ranks = rank_impressions(np.array([3.0, 2, 1, 1, 2, 3]), np.array([1, 0, 0, 0, 0, 1]), np.array([0, 3, 3, 6]))
    values = metric.values(ranks)
    assert values.shape == (3,)
    assert values[0] == values[2] == 1.0
    assert math.isnan(values[1])  # an impression without candidates


@pytest.mark.parametrize("metric", CATALOGUE.values(), ids=CATALOGUE.keys())
def test_every_catalogue_metric_falls_as_the_target_falls(metric) -> None:  # type: ignore[no-untyped-def]
    ranks = TargetRanks(np.arange(100), np.zeros(100, dtype=np.int64), np.full(100, 100))
    values = metric.values(ranks)
    assert values[0] == 1.0
    assert (np.diff(values) <= 0).all()


def test_scores_that_are_not_finite_are_refused_with_model_and_sample() -> None:  # behaviour 5
    with pytest.raises(DataError, match=r"teacher, impression 1, candidate 0.*nan"):
        rank_impressions(np.array([1.0, 2, np.nan]), np.array([1, 0, 1]), np.array([0, 2, 3]), "teacher")
