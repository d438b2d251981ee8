"""The k best against a stable sort of everything."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_rec.runtime.topk import best, dot_rows, near_best, slack_of

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
