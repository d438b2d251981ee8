"""Rankings with a repeat term, worked out by hand and against a plain loop."""

import numpy as np
import pytest
from evaluation_worlds import impressions, make_dataset, queries

from distill_rec.data.ragged import Ragged
from distill_rec.evaluation.catalogue import rank_targets
from distill_rec.evaluation.protocol import evaluate, rank_impressions_of, validation_metric, validation_ranks_seen
from distill_rec.evaluation.scorer import DotScorer
from distill_rec.evaluation.top_lists import unseen_scores

NUMBERS = np.array([-5, 3, 0, 0, 0, 0, 0], dtype=np.float32)


def scorer(numbers=NUMBERS):
    """Item i scores -i for everyone, and what the history adds."""
    vectors = -np.arange(12, dtype=np.float32)[:, None]
    return DotScorer("m", vectors, lambda history: np.ones((len(history), 1), np.float32), numbers)


def test_by_hand_all_items_ranked_and_seen_left_out():
    # History 8, 2, 5, 0, oldest first: item 0 is the latest click (-5), 5 has one behind it (+3), 2 and 8 get zero.
    # Scores: 0: -5, 1: -1, 2: -2, 3: -3, 4: -4, 5: -2, 6: -6, 7: -7, 8: -8, ...
    samples = queries([1, 0, 5, 6], [[8, 2, 5, 0]] * 4)
    ranks = rank_targets(scorer(), samples, leave_out_seen=False)
    assert ranks.greater.tolist() == [0, 5, 1, 6]
    assert ranks.ties.tolist() == [0, 0, 1, 0]  # 5 with 2
    left = rank_targets(scorer(), samples)
    # Seen items are out, but a target that was seen is a candidate, with its own number: 0 at -5, 5 at -2.
    assert left.greater.tolist() == [0, 3, 1, 3]
    plain = rank_targets(scorer(None), samples)
    assert plain.greater.tolist() == [0, 0, 3, 3]
    assert left.candidates.tolist() == plain.candidates.tolist()


def test_only_the_pool_is_ranked_and_gets_its_numbers():
    samples = queries([4, 5], [[5, 4], [4, 5]])
    pool = np.arange(12) >= 4
    ranks = rank_targets(scorer(), samples, pool, leave_out_seen=False)
    # First the click on 4 is the latest, at -9, as item 9 is; 5 is at -2. Then 5 is at -10, as item 10 is, and 4 at -1.
    assert (ranks.greater.tolist(), ranks.ties.tolist()) == ([4, 5], [1, 1])


def test_candidates_of_impressions_get_their_numbers():
    samples = impressions([[0, 1, 2], [2, 0, 1], [0, 1]], [[1, 0, 0], [0, 1, 0], [1, 0]], [0, 1, 2])
    object.__setattr__(samples, "history", Ragged.from_rows([[1, 0], [0, 9], []]))
    found = rank_impressions_of(scorer(), samples)
    # Rows: 0: -5, 1: -1+3, 2: -2, the click on 0 is last; 0: 0+3 first; nothing added, 0 first.
    assert evaluate(scorer(), samples, make_dataset([1] * 12, samples)).values["mrr"].tolist() == [1 / 3, 1.0, 1.0]
    assert found.shown.tolist() == [3, 3, 2]


def test_any_histories_equal_a_plain_loop():
    rng = np.random.default_rng(0)
    vectors, users = rng.normal(size=(30, 4)).astype(np.float32), rng.normal(size=(30, 4)).astype(np.float32)
    numbers = rng.normal(size=7).astype(np.float32) * 3
    rows = [rng.integers(0, 30, length).tolist() for length in rng.integers(1, 30, 25)]
    samples = queries(rng.integers(0, 30, 25).tolist(), rows)
    model = DotScorer("m", vectors, lambda history: users[history.values[history.offsets[:-1]]], numbers)
    ranks = rank_targets(model, samples, leave_out_seen=False)
    for number, history in enumerate(rows):
        scores = vectors @ users[history[0]]
        for item in set(history):
            age = history[::-1].index(item)
            scores[item] += numbers[min(age, 2) if age < 3 else 3 + (age > 4) + (age > 8) + (age > 16)]
        assert ranks.greater[number] == (scores > scores[samples.target[number]]).sum()
    shown = unseen_scores(model, samples, np.arange(25), 30)
    assert np.isfinite(shown).sum() == sum(
        30 - len(set(row) - {t}) for row, t in zip(rows, samples.target, strict=True)
    )


@pytest.mark.parametrize(
    ("numbers", "share", "all_ranked"), [(NUMBERS, 0.4, True), (NUMBERS, 0.05, False), (None, 0.4, False)]
)
def test_validation_ranks_seen_items_where_there_is_a_term_and_people_come_back(numbers, share, all_ranked):
    samples = queries([5], [[8, 2, 5, 0]])
    dataset = make_dataset([1] * 12, samples)
    object.__setattr__(dataset, "repeated_targets", share)
    assert validation_ranks_seen(scorer(numbers), dataset) is all_ranked
    found = validation_metric(scorer(numbers), samples, dataset)
    asked = evaluate(scorer(numbers), samples, dataset, leave_out_seen=not all_ranked)
    assert found == asked.values["ndcg@10"][0]
