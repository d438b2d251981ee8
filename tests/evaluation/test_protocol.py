"""The protocols against a plain loop, and the cases with a name."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation_worlds import fixed, impressions, make_dataset, queries
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from distill_rec.data.ragged import Ragged
from distill_rec.evaluation import catalogue, evaluate, validation_metric
from distill_rec.evaluation.protocol import evaluate_both, user_means
from distill_rec.evaluation.scorer import DotScorer
from distill_rec.runtime.errors import DataError


def expected_recall(scores: NDArray[np.float64], target: int, k: int) -> float:
    """Of one target among scores in which items left out are -inf, by going through the places of the tie."""
    greater, tied = (scores > scores[target]).sum(), (scores == scores[target]).sum()
    return float(np.mean([place <= k for place in range(greater + 1, greater + tied + 1)]))


@given(st.integers(0, 10_000), st.booleans())
@settings(max_examples=25, deadline=None)
def test_catalogue_ranks_equal_a_plain_loop_with_ties_and_exclusions(seed: int, among_new: bool) -> None:
    rng = np.random.default_rng(seed)
    n_items, n = 37, 23
    vectors = rng.integers(-1, 2, size=(n_items, 3)).astype(np.float32)  # few values: many exact ties
    users = rng.integers(-1, 2, size=(n_items, 3)).astype(np.float32)
    new = list(range(25, n_items))
    targets = rng.choice(new, n).tolist()
    rows = [[i for i in rng.choice(n_items, 5, replace=False).tolist() if i != t] or [0] for t in targets]
    samples = queries(targets, rows)
    dataset = make_dataset(list(range(n_items)), samples, new=new)
    scorer = DotScorer("m", vectors, lambda history: users[[row[0] for row in history]])
    found = evaluate(scorer, samples, dataset, among_new=among_new)
    for i, (target, seen) in enumerate(zip(targets, rows, strict=True)):
        scores = (vectors @ users[seen[0]]).astype(np.float64)
        scores[seen] = -np.inf
        if among_new:
            scores[~dataset.new] = -np.inf
        assert found.values["recall@10"][i] == pytest.approx(expected_recall(scores, target, 10))
    assert found.target_clicks.tolist() == targets


def test_both_rankings_of_one_pass_are_those_of_two() -> None:
    rng = np.random.default_rng(1)
    vectors = rng.integers(-1, 2, size=(37, 3)).astype(np.float32)
    targets = rng.choice(37, 23).tolist()
    samples = queries(targets, [[i for i in rng.choice(37, 9).tolist() if i != t] or [0] for t in targets])
    dataset, read = make_dataset(list(range(37)), samples), []

    def users(history: Ragged) -> NDArray[np.float32]:
        read.extend(history)
        return vectors[[row[0] for row in history]]

    both = evaluate_both(DotScorer("m", vectors, users), samples, dataset)
    assert len(read) == len(samples)
    for found, leave_out_seen in zip(both, (True, False), strict=True):
        alone = evaluate(DotScorer("m", vectors, users), samples, dataset, leave_out_seen=leave_out_seen)
        assert all(np.array_equal(found.values[name], alone.values[name]) for name in alone.values)
    assert not np.array_equal(both[0].values["mrr"], both[1].values["mrr"])


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, 4)).astype(np.float32)
    samples = queries(rng.integers(0, 50, 40).tolist(), [[i % 50] for i in range(1, 41)])
    dataset = make_dataset([1] * 50, samples)
    scorer = DotScorer("m", vectors, lambda history: vectors[history.values])
    whole = evaluate(scorer, samples, dataset)
    monkeypatch.setattr(catalogue, "BLOCK_BYTES", 7 * 50 * 4)
    parts = evaluate(scorer, samples, dataset)
    for name, values in whole.values.items():
        np.testing.assert_array_equal(parts.values[name], values)


def test_histories_are_encoded_many_at_a_time_however_few_scores_fit_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block's few histories would all be padded to the longest of them."""
    rng = np.random.default_rng(0)
    vectors, targets = rng.normal(size=(50, 4)).astype(np.float32), rng.choice(50, 20).tolist()
    samples, asked = queries(targets, [[int(rng.integers(50))] for _ in targets]), list[int]()

    def users(history: Ragged) -> NDArray[np.float32]:
        asked.append(len(history))
        return vectors[history.values]

    dataset = make_dataset([1] * 50, samples)
    whole = evaluate(DotScorer("m", vectors, users), samples, dataset)
    monkeypatch.setattr(catalogue, "BLOCK_BYTES", 4 * 50 * 3)
    monkeypatch.setattr(catalogue, "ENCODED", 8)
    blocks = evaluate(DotScorer("m", vectors, users), samples, dataset)
    assert asked == [20, 8, 8, 4]
    assert all(np.array_equal(whole.values[name], blocks.values[name]) for name in whole.values)


def test_equal_vectors_tie_wherever_they_stand_in_the_catalogue() -> None:
    # at the edge of a block, a matrix product may add up the same terms in another order
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(1003, 48)).astype(np.float32)
    vectors[[0, 511, 1002]] = vectors[7]
    users = rng.normal(size=(64, 48)).astype(np.float32)
    targets = [0, 7, 511, 1002] * 16
    samples = queries(targets)
    scorer = DotScorer("m", vectors, lambda history: np.repeat(users[: len(history) // 4], 4, axis=0))
    ranks = catalogue.rank_targets(scorer, samples)
    assert (ranks.ties == 3).all()
    assert (ranks.greater.reshape(16, 4) == ranks.greater.reshape(16, 4)[:, :1]).all()


def test_the_order_of_the_items_does_not_matter_under_ties() -> None:
    samples = queries([0, 5])
    found = evaluate(fixed("constant", [1.0] * 20), samples, make_dataset([0] * 20, samples))
    assert found.values["recall@10"].tolist() == [0.5, 0.5]
    assert found.values["percentile"].tolist() == [0.5, 0.5]


def test_an_excluded_target_is_still_ranked() -> None:
    samples = queries([2], [[2, 0]])
    found = evaluate(fixed("m", [9, 8, 7, 6]), samples, make_dataset([0] * 4, samples))
    assert found.values["mrr"][0] == 0.5


def test_grouping_has_a_name() -> None:  # behaviour 4
    samples = impressions([[0, 1], [2, 3]], [[1, 0], [1, 0]], users=[0, 0])
    scores = [0.9, 0.1, 0.05, 0.01]
    found = evaluate(fixed("m", scores), samples, make_dataset([0] * 4, samples))
    assert found.values["auc"].mean() == 1.0
    assert roc_auc_score([1, 0, 1, 0], scores) == 0.75  # what pooling would have said


def test_impressions_without_click_or_with_only_clicks_have_no_value() -> None:
    samples = impressions([[0, 1], [0, 1], [1, 0]], [[0, 0], [1, 1], [0, 1]], users=[0, 1, 2])
    found = evaluate(fixed("m", [2, 1]), samples, make_dataset([4, 0], samples))
    for values in found.values.values():
        assert np.isnan(values[:2]).all()
        assert values[2] == 1.0
    assert found.target_clicks[1:].tolist() == [2.0, 4.0]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_model_that_is_not_finite_is_named_with_its_sample(bad: float) -> None:  # behaviour 5
    samples = queries([0, 1, 2])

    def users(history: Ragged) -> NDArray[np.float32]:
        out = np.ones((len(history), 1), dtype=np.float32)
        out[1] = bad
        return out

    dataset = make_dataset([0] * 4, samples)
    with pytest.raises(DataError, match=r"student, test sample 1"):
        evaluate(DotScorer("student", np.ones((4, 1), np.float32), users), samples, dataset)
    with pytest.raises(DataError, match=r"student, item 3"):
        evaluate(fixed("student", [1, 2, 3, bad]), samples, dataset)
    shown = impressions([[0, 1]] * 3, [[0, 1]] * 3, users=[0, 1, 2])
    with pytest.raises(DataError, match=r"student, test sample 1"):
        evaluate(DotScorer("student", np.ones((4, 1), np.float32), users), shown, make_dataset([0] * 4, shown))


def test_scores_that_overflow_are_refused() -> None:
    samples = queries([0])
    big = DotScorer("m", np.full((3, 2), 3e38, np.float32), lambda h: np.ones((len(h), 2), np.float32))
    with pytest.raises(DataError, match=r"m, test sample 0"):
        evaluate(big, samples, make_dataset([0] * 3, samples))


def test_validation_metric_is_a_mean_over_users() -> None:
    # user 0 has two perfect targets, user 1 one that is out of reach
    samples = queries([0, 0, 11], users=[0, 0, 1])
    scores = list(range(12, 0, -1))
    assert validation_metric(fixed("m", scores), samples, make_dataset([0] * 12, samples)) == pytest.approx(0.5)


def test_user_means_leave_out_users_without_a_value() -> None:
    means = user_means(np.array([3, 3, 5, 9]), np.array([1.0, np.nan, np.nan, 0.5]))
    assert means.tolist() == [1.0, 0.5]
