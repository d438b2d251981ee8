"""The transition term: what is counted by hand, what validation data make of it, and that it is left out where idle."""

from dataclasses import replace

import numpy as np
import pytest
from tiny import make_dataset

from distill_rec.artifact.transition import TransitionTerm
from distill_rec.data.dataset import Dataset
from distill_rec.data.ragged import Ragged
from distill_rec.evaluation.protocol import evaluate, validation_metric
from distill_rec.evaluation.scorer import DotScorer, catalogue_scores, popularity
from distill_rec.testing.worlds import _clicks
from distill_rec.training import transition_term
from distill_rec.training.transition_term import count_transitions, fit_transitions, with_transitions


def world(rows: list[np.ndarray]) -> Dataset:
    """Of each user's clicks the last two are targets of validation and test."""
    base = make_dataset(n_users=len(rows))
    train, validation, test = _clicks(rows)
    counts = np.zeros(base.n_items, np.int32)
    for row in rows:
        np.add.at(counts, row[:-2], 1)
    return replace(base, train=train, validation=validation, test=test, train_clicks=counts)


def chains(follows: float, n_users: int = 300) -> Dataset:
    """After item i comes i + 1 with this probability, else anything."""
    generator = np.random.default_rng(0)
    rows = []
    for _ in range(n_users):
        row = [int(generator.integers(0, 60))]
        while len(row) < 9:
            row.append((row[-1] + 1) % 60 if generator.random() < follows else int(generator.integers(0, 60)))
        rows.append(np.array(row))
    return world(rows)


def test_counts_by_hand():
    # Training clicks: 1 2 3 2 of one user, 1 2 of another; the last two of each row are targets.
    dataset = world([np.array([1, 2, 3, 2, 7, 8]), np.array([1, 2, 9, 9])])
    found = count_transitions(dataset)
    fade = np.exp(-np.arange(4) / 3)
    clicks = {1: 2, 2: 3, 3: 1}
    # 2 comes right after 1 twice and three clicks after it once; 2 after 2 is the repeat term's.
    expected = {(1, 2): 2 + fade[2], (1, 3): fade[1], (2, 3): fade[0], (3, 2): fade[0]}
    values = {
        (item, int(other)): float(value)
        for item in range(dataset.n_items)
        for other, value in zip(found.items[item], found.values[item], strict=True)
        if value > 0
    }
    by_hand = {(i, j): count / np.sqrt((clicks[i] + 10) * (clicks[j] + 10)) for (i, j), count in expected.items()}
    assert values == pytest.approx(by_hand)
    assert found.items[1, 0] == 2  # the likeliest first


def test_what_a_history_adds_by_hand():
    items = np.array([[1, 2], [2, 0], [0, 0]], np.int32)
    term = TransitionTerm(items, np.array([[0.5, 0.25], [1, 0], [0, 0]], np.float32), 2.0)
    faded = np.exp(-1 / 3)
    # The latest click, 1, gives 2 a whole 1; 0, one click earlier, gives 1 .5 and 2 .25, faded; all of it twice.
    history = Ragged.from_rows([[0, 1], [], [2], [7, 0]], np.int32)
    row, item, number = term.added(history.values, history.offsets)
    assert list(zip(row.tolist(), item.tolist(), strict=True)) == [(0, 1), (0, 2), (3, 1), (3, 2)]
    np.testing.assert_allclose(number, [faded, 2 + 0.5 * faded, 1, 0.5], rtol=1e-6)
    np.testing.assert_allclose(term.by_click(np.array([0, 1]), 2), [0.5 * faded, 2], rtol=1e-6)
    long = np.array([0] + [2] * 16)  # 17 clicks, of which 16 count
    assert not len(term.added(long, np.array([0, 17]))[0])


@pytest.mark.parametrize("most", [20, 3])
def test_only_the_likeliest_are_kept(most, monkeypatch):
    monkeypatch.setattr(transition_term, "FOLLOWERS", 20)
    whole = count_transitions(chains(0.3))
    monkeypatch.setattr(transition_term, "FOLLOWERS", most)
    found = count_transitions(chains(0.3))
    np.testing.assert_array_equal(found.values, whole.values[:, :most])
    assert (np.diff(found.values, axis=1) <= 0).all()


def test_where_one_click_leads_to_the_next_it_ranks_better_and_where_none_does_it_is_left_out():
    dataset = chains(0.5)
    plain = popularity(dataset.train_clicks)
    found = fit_transitions(plain, dataset)
    assert found is not None and found.factor in transition_term.FACTORS
    ours = replace(plain, transitions=found)
    without = validation_metric(plain, dataset.validation, dataset)
    assert validation_metric(ours, dataset.validation, dataset) > without + 0.1
    tested = [evaluate(one, dataset.test, dataset).values["ndcg@10"].mean() for one in (plain, ours)]
    assert tested[1] > tested[0] + 0.1
    assert fit_transitions(plain, chains(0.0)) is None


def test_teachers_get_factors_of_their_own_and_other_scorers_stay():
    dataset = chains(0.5)
    plain = popularity(dataset.train_clicks)

    class Another:
        name = "another"

        def scores(self, history: Ragged, candidates: Ragged) -> np.ndarray:
            return np.zeros(len(candidates.values), np.float32)

    other = Another()
    quiet, loud = (replace(plain, item_vectors=plain.item_vectors * times) for times in (1e-5, 0.2))
    found = with_transitions({"one": quiet, "loud": loud, "other": other}, dataset)
    assert found["other"] is other
    one, two = found["one"], found["loud"]
    assert isinstance(one, DotScorer) and isinstance(two, DotScorer)
    assert one.transitions is not None and two.transitions is not None
    assert two.transitions.factor > one.transitions.factor


def test_renumbered_for_another_catalogue_it_adds_the_same_to_the_same_items():
    dataset = chains(0.5)
    term = replace(count_transitions(dataset), factor=3.0)
    n = dataset.n_items
    order = np.random.default_rng(1).permutation(n)
    rows = np.concatenate([order[5:], [-1, n + 3]])  # five items are gone, two came
    other = term.renumbered(rows)
    place = {int(old): new for new, old in enumerate(rows)}
    for history in ([int(order[8]), int(order[9])], [int(order[2])], []):
        before = dict(zip(*term.added(np.array(history, int), np.array([0, len(history)]))[1:], strict=True))
        known = np.array([place[one] for one in history if one in place], int)
        after = dict(zip(*other.added(known, np.array([0, len(known)]))[1:], strict=True))
        kept = {place[item]: value for item, value in before.items() if item in place}
        assert after == pytest.approx(kept if len(known) == len(history) else {})


def test_the_catalogue_and_candidates_are_scored_alike():
    dataset = chains(0.5)
    model = replace(popularity(dataset.train_clicks), transitions=replace(count_transitions(dataset), factor=4.0))
    history = Ragged.from_rows([[1, 2, 3], [], [59, 0, 59]], np.int32)
    every = Ragged.from_rows([np.arange(dataset.n_items)] * 3, np.int32)
    whole = catalogue_scores(model, history, dataset.n_items)
    np.testing.assert_allclose(whole.ravel(), model.scores(history, every), rtol=1e-5)
    assert whole[0, 4] > whole[1, 4]
