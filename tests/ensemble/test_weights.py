"""Weights of several teachers: the right gradient, a climb that only climbs, noise that gets no weight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from repeat_worlds import repeating
from scipy.special import logsumexp
from tiny import make_dataset

from distill_rec.artifact.repeat import BUCKETS
from distill_rec.data.dataset import Dataset
from distill_rec.ensemble.mixtures import KEPT_BYTES, Mixtures, leaves_out_seen, usable
from distill_rec.ensemble.sums import sum_of
from distill_rec.ensemble.weights import FACTORS, GAIN, ROUNDS, climb, fit
from distill_rec.evaluation.protocol import validation_metric
from distill_rec.evaluation.scorer import catalogue_scores
from distill_rec.knowledge import Knowledge, known_by
from distill_rec.nn.user_encoders import MeanUserEncoder
from distill_rec.progress import QuietTask

DIM = 4


def knowledge(vectors: np.ndarray, knows: np.ndarray | None = None) -> Knowledge:
    encoder = MeanUserEncoder(DIM, 8).eval().requires_grad_(False)
    return Knowledge(vectors.astype(np.float32), vectors, None, encoder, {"kind": "mean"}, Path(), knows=knows)


def colours(n_items: int, noise: float, seed: int) -> np.ndarray:
    """Vectors that say which of three colours an item has, which is all that `make_dataset`'s users go by."""
    found = np.zeros((n_items, DIM))
    found[np.arange(n_items), np.arange(n_items) % 3] = 1.0
    return found + noise * np.random.default_rng(seed).normal(size=found.shape)


def unlike(dataset: Dataset) -> list[Knowledge]:
    """Three: one that does not know some items, two with repeat terms, all with two items that cannot be told apart."""
    knows = np.ones(dataset.n_items, bool)
    knows[-12:] = False
    out = []
    for seed in range(3):
        vectors = colours(dataset.n_items, 0.5, seed)
        vectors[1::7] = vectors[0::7][: len(vectors[1::7])]
        one = knowledge(np.where(knows[:, None], vectors, 0) if seed == 0 else vectors, knows if seed == 0 else None)
        out.append(replace(one, repeat=np.linspace(0.4, -0.6, BUCKETS, dtype=np.float32) if seed else None))
    return out


class Told(QuietTask):
    def __init__(self) -> None:
        self.steps, self.notes = 0, list[str]()

    def advance(self, steps: int = 1) -> None:
        self.steps += steps

    def note(self, text: str) -> None:
        self.notes.append(text)


def each(value: Callable[[np.ndarray], float]) -> Callable[[Sequence[np.ndarray]], list[float]]:
    return lambda several: [value(one) for one in several]


@pytest.mark.parametrize("kind", ["clicks", "impressions"])
def test_a_teacher_of_noise_gets_no_weight(kind: str) -> None:
    dataset, shares = make_dataset(kind), []
    for seed in range(8):
        noise = np.random.default_rng(seed).normal(size=(dataset.n_items, DIM))
        weights = fit([knowledge(colours(dataset.n_items, 0.1, 0)), knowledge(noise)], dataset, [None, None])
        assert weights[0] > 0
        shares.append(weights[1] / weights[0])
    assert sum(share > 0 for share in shares) <= 2 and max(shares) < 0.2


def test_of_two_that_know_alike_none_is_left_out_because_the_other_was_luckier() -> None:
    dataset = make_dataset("clicks")
    for seed in range(8):
        members = [knowledge(colours(dataset.n_items, 0.5, 2 * seed + one)) for one in (0, 1)]
        weights = fit(members, dataset, [None, None])
        assert min(weights) > 0.35 * max(weights)


def test_two_that_know_halves_are_both_needed() -> None:
    """One tells the first colour from the others, the other the second from the others."""
    dataset = make_dataset("clicks", n_users=240)
    every = colours(dataset.n_items, 0.05, 0)
    first, second = every.copy(), every.copy()
    first[:, 1:3] = first[:, 1:3].mean(1, keepdims=True)
    second[:, [0, 2]] = second[:, [0, 2]].mean(1, keepdims=True)
    weights = fit([knowledge(first), knowledge(second)], dataset, [None, None])
    assert min(weights) > 0.2 * max(weights)


def test_weights_that_are_given_stay() -> None:
    dataset = make_dataset("clicks")
    members = [knowledge(colours(dataset.n_items, 0.1, seed)) for seed in range(2)]
    assert fit(members, dataset, [0.3, 0.7]) == [0.3, 0.7]
    assert fit(members, dataset, [0.3, None])[0] == 0.3


def test_only_items_that_all_know_are_fitted_on() -> None:
    """Scores of items that one does not know are anything; the weights do not depend on them."""
    dataset = make_dataset("clicks")
    dataset = replace(dataset, validation=dataset.validation.take(np.arange(40)))
    knows = np.ones(dataset.n_items, bool)
    knows[-12:] = False
    found = []
    for wrong in (0.0, 50.0):
        vectors = colours(dataset.n_items, 0.3, 1)
        vectors[~knows] = wrong
        histories = dataset.validation.history.take(np.arange(len(dataset.validation)))
        if np.isin(np.flatnonzero(~knows), histories.values).any():  # what a history holds is read by all
            vectors[np.unique(histories.values)] = colours(dataset.n_items, 0.3, 1)[np.unique(histories.values)]
        members = [knowledge(colours(dataset.n_items, 0.3, 0)), knowledge(vectors, knows)]
        rows = usable(members, dataset)
        assert not np.isin(np.asarray(dataset.validation.target)[rows], np.flatnonzero(~knows)).any()
        found.append(Mixtures(members, dataset, rows).cross_entropy(np.ones(2))[0])
    assert found[0] == pytest.approx(found[1])


@pytest.mark.parametrize("kind", ["clicks", "impressions"])
def test_the_gradient_of_the_cross_entropy_is_right(kind: str) -> None:
    dataset = make_dataset(kind)
    mixtures = Mixtures(unlike(dataset), dataset, usable(unlike(dataset), dataset))
    for weights in np.random.default_rng(0).random((3, 3)):
        steps = 1e-2 * np.eye(3)
        either = [[mixtures.cross_entropy(weights + sign * one)[0] for one in steps] for sign in (1, -1)]
        assert mixtures.cross_entropy(weights)[1] == pytest.approx((np.subtract(*either)) / 2e-2, rel=0.01, abs=0.002)


@pytest.mark.parametrize("kept_bytes", [KEPT_BYTES, 0])
@pytest.mark.parametrize("kind", ["clicks", "impressions", "repeats"])
def test_mixtures_of_scores_are_worth_what_sums_of_vectors_are(kind: str, kept_bytes: int) -> None:
    """nDCG@10 by which trainings are validated, of the sum as one model, with repeats, ties, items that one lacks."""
    dataset = repeating() if kind == "repeats" else make_dataset(kind)
    members = unlike(dataset)
    rows = usable(members, dataset)
    samples, seen = dataset.validation.take(rows), leaves_out_seen(members, dataset)
    assert seen == (kind != "repeats")
    mixtures = Mixtures(members, dataset, rows, kept_bytes=kept_bytes)
    several = [np.array(one) for one in ([1.0, 1.0, 1.0], [0.3, 0.0, 2.0], [0.0, 0.0, 1.0])]
    expected = [
        validation_metric(sum_of(members, one.tolist()), samples, dataset, leave_out_seen=seen) for one in several
    ]
    assert min(expected) > 0
    assert mixtures.ndcg(several) == pytest.approx(expected, rel=1e-6)
    assert mixtures.ndcg(several) == pytest.approx(expected, rel=1e-6)  # of what was kept, where it was


@pytest.mark.parametrize("kept_bytes", [KEPT_BYTES, 0])
def test_cross_entropy_is_that_of_a_softmax_over_what_is_known_and_unseen(kept_bytes: int) -> None:
    dataset = make_dataset("clicks")
    members = unlike(dataset)
    rows = usable(members, dataset)
    mixtures, weights = Mixtures(members, dataset, rows, kept_bytes=kept_bytes), np.array([0.4, 1.0, 0.7])
    samples, known = dataset.validation.take(rows), known_by(members).all(1)
    scores = catalogue_scores(sum_of(members, weights.tolist()), samples.history.take(np.arange(len(rows))), len(known))
    expected = []
    for row, target in zip(range(len(rows)), samples.target, strict=True):
        among = known.copy()
        among[samples.excluded(np.array([row])).values] = False
        expected.append(logsumexp(scores[row, among]) - scores[row, target])
    for _ in range(2):
        assert mixtures.cross_entropy(weights)[0] == pytest.approx(np.mean(expected), rel=1e-5)


def test_every_pass_over_the_samples_is_told() -> None:
    dataset = make_dataset("clicks")
    task = Told()
    fit([knowledge(colours(dataset.n_items, 0.1, seed)) for seed in range(2)], dataset, [None, None], task=task)
    assert task.steps > len(dataset.validation)
    assert task.steps % len(dataset.validation) == 0
    assert task.notes[-1].startswith("nDCG@10 ")


def test_the_climb_never_ends_below_a_start() -> None:
    goal = np.array([1.0, 0.0, 0.35])

    def value(weights: np.ndarray) -> float:
        return float(1 / (1 + ((weights - goal) ** 2).sum()))

    starts = [np.ones(3), np.array([0.0, 0.0, 1.0])]
    found = climb(each(value), starts, [0, 1, 2])
    assert value(found) > max(map(value, starts))
    assert found[1] == 0.0
    assert climb(each(value), starts, [0])[1:].tolist() == [1.0, 1.0]


def test_a_weight_of_zero_comes_back_where_it_helps() -> None:
    goal = np.array([1.0, 0.5])

    def value(weights: np.ndarray) -> float:
        return float(1 / (1 + ((weights - goal) ** 2).sum()))

    assert climb(each(value), [np.array([1.0, 0.0])], [0, 1]).tolist() == [1.0, 0.5]


def test_a_climb_from_weights_of_nothing_stays_there() -> None:
    """No factor changes a zero, so there is nothing to ask: teachers that all lead away are told so by `fit`."""

    def asked(each: Sequence[np.ndarray]) -> list[float]:
        assert len(each)
        return [0.0] * len(each)

    assert climb(asked, [np.zeros(2)], [0, 1]).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("seed", range(6))
def test_asking_for_several_weights_at_once_climbs_as_one_after_the_other_does(seed: int) -> None:
    """The climb as it reads: every weight is tried on what the one before it left."""
    generator = np.random.default_rng(seed)
    goal, start = generator.random(3) * 3, generator.random(3)

    def value(weights: np.ndarray) -> float:
        return float(1 / (1 + ((weights - goal) ** 2).sum()))

    best, top = start.copy(), value(start)
    for _ in range(ROUNDS):
        for place in range(3):
            for factor in FACTORS:
                other = best.copy()
                other[place] = (best[place] or best.max()) * factor
                if value(other) > top * (1 + GAIN):
                    best, top = other, value(other)
    assert climb(each(value), [start], [0, 1, 2]).tolist() == best.tolist()
