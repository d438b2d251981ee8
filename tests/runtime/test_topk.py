"""The k best against a stable sort of everything."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_rec.runtime import topk
from distill_rec.runtime.topk import best, best_of_many, dot_rows, near_best, slack_of

SCORES = st.lists(st.sampled_from([-np.inf, -1.5, 0.0, 0.5, 0.5000001, 2.0]), min_size=1, max_size=40)


@settings(max_examples=200, deadline=None)
@given(SCORES, st.integers(1, 45))
def test_ties_go_to_the_earlier_row_and_what_is_left_out_never_comes_back(values, k):
    scores = np.array(values, np.float32)
    possible = [row for row in range(len(scores)) if scores[row] > -np.inf]
    expected = sorted(possible, key=lambda row: (-scores[row], row))[:k]
    rows, found = best(scores[:, None], np.ones(1, np.float32), scores, k, 0.0)
    assert rows.tolist() == expected
    assert found.tolist() == scores[expected].tolist()


def test_near_best_takes_in_all_within_the_slack():
    scores = np.array([1.0, 3.0, 2.0, 2.95, -np.inf], np.float32)
    assert near_best(scores, 1).tolist() == [1]
    assert near_best(scores, 1, 0.1).tolist() == [1, 3]
    assert near_best(scores, 5, 1e9).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("dim", [8, 37, 50, 64])
def test_equal_vectors_have_equal_scores_wherever_they_stand(dim):
    random = np.random.default_rng(0)
    for length in (*range(90, 108), 1683):
        vectors = np.tile(random.standard_normal(dim).astype(np.float32), (length, 1))
        user = random.standard_normal(dim).astype(np.float32)
        scores = dot_rows(vectors, user)
        assert (scores == scores[0]).all()
        # BLAS rounds the last rows otherwise; the search must not let that choose.
        longest = float(np.linalg.norm(vectors[0]))
        for product in (vectors @ user, (np.stack([user] * 3) @ vectors.T)[1]):
            rows, _ = best(vectors, user, product, 10, slack_of(dim, longest, user))
            assert rows.tolist() == list(range(10))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_search_with_rounded_scores_finds_the_exact_best(seed):
    random = np.random.default_rng(seed)
    # Many near-ties: copies that differ by less than a float32 product can tell.
    vectors = np.repeat(random.standard_normal((20, 64)), 20, axis=0) * (1 + 1e-7 * random.standard_normal((400, 1)))
    vectors, user = vectors.astype(np.float32), random.standard_normal(64).astype(np.float32)
    exact = dot_rows(vectors, user)
    slack = slack_of(64, float(np.linalg.norm(vectors, axis=1).max()), user)
    rows, found = best(vectors, user, vectors @ user, 30, slack)
    assert rows.tolist() == np.argsort(-exact, kind="stable")[:30].tolist()
    assert found.tolist() == exact[rows].tolist()


@pytest.mark.parametrize("n_items", [1, 40, 5000, 20_000])
def test_a_search_for_many_finds_what_a_sort_of_everything_finds(n_items):
    random = np.random.default_rng(n_items)
    # Repeats make ties, and rising lengths put the best at the end, where a floor of the first rows would not help.
    vectors = (
        random.standard_normal((n_items, 16)).astype(np.float32) * np.linspace(1, 3, n_items, dtype=np.float32)[:, None]
    )
    vectors[n_items // 2 :] = vectors[: n_items - n_items // 2][::-1]
    users = random.standard_normal((7, 16)).astype(np.float32)
    users[3] = 0
    left_out = [random.integers(0, n_items, count) for count in (0, 3, 50, 0, n_items, 1, 1)]
    left_out[4] = np.arange(n_items)
    longest = float(np.linalg.norm(vectors, axis=1).max())
    slacks = [slack_of(16, longest, user) for user in users]
    for k in (1, 10, 200):
        for user, rows, (found, scores) in zip(
            users, left_out, best_of_many(vectors, users, k, slacks, left_out), strict=True
        ):
            exact = dot_rows(vectors, user)
            kept = np.setdiff1d(np.arange(n_items), rows)
            expected = kept[np.argsort(-exact[kept], kind="stable")[:k]]
            assert found.tolist() == expected.tolist()
            assert scores.tolist() == exact[expected].tolist()


def test_a_search_for_many_holds_no_scores_of_all_items(monkeypatch):
    """Users who tie everything would make every score a candidate: they are searched for one by one."""
    monkeypatch.setattr(topk, "MOST_CANDIDATES", 1000)
    monkeypatch.setattr(topk, "GATHERED", 64)
    vectors = np.ones((5000, 4), np.float32)
    found = best_of_many(vectors, np.zeros((3, 4), np.float32), 5, [0.0] * 3, [np.arange(2)] * 3)
    assert [rows.tolist() for rows, _ in found] == [[2, 3, 4, 5, 6]] * 3


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 300))
def test_near_best_of_a_sample_is_near_best_of_all(seed, k):
    random = np.random.default_rng(seed)
    scores = random.choice([random.standard_normal(20_000), np.repeat(random.standard_normal(20), 1000)])
    scores = scores.astype(np.float32)
    scores[random.random(len(scores)) < random.choice([0.0, 0.5, 0.999])] = -np.inf
    possible = np.sort(scores[scores > -np.inf])
    expected = np.flatnonzero(scores >= possible[-min(k, len(possible))] - np.float32(0.01))
    assert near_best(scores, k, 0.01).tolist() == expected.tolist()
