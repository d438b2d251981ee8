"""Weights of several teachers: the right gradient, a climb that only climbs, noise that gets no weight."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import check_grad
from tiny import make_dataset

from distill_rec.ensemble.mixtures import Block, cross_entropy
from distill_rec.ensemble.weights import climb, fit
from distill_rec.knowledge import Knowledge
from distill_rec.nn.user_encoders import MeanUserEncoder

DIM = 4


def knowledge(vectors: np.ndarray, knows: np.ndarray | None = None) -> Knowledge:
    encoder = MeanUserEncoder(DIM, 8).eval().requires_grad_(False)
    return Knowledge(vectors.astype(np.float32), vectors, None, encoder, {"kind": "mean"}, Path(), knows=knows)


def colours(n_items: int, noise: float, seed: int) -> np.ndarray:
    """Vectors that say which of three colours an item has, which is all that `make_dataset`'s users go by."""
    found = np.zeros((n_items, DIM))
    found[np.arange(n_items), np.arange(n_items) % 3] = 1.0
    return found + noise * np.random.default_rng(seed).normal(size=found.shape)


@pytest.mark.parametrize("kind", ["clicks", "impressions"])
def test_a_teacher_of_noise_gets_no_weight(kind: str) -> None:
    dataset = make_dataset(kind)
    noise = np.random.default_rng(1).normal(size=(dataset.n_items, DIM))
    weights = fit([knowledge(colours(dataset.n_items, 0.1, 0)), knowledge(noise)], dataset, [None, None])
    assert weights[0] > 0
    assert weights[1] < 0.1 * weights[0]


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
        from distill_rec.ensemble.mixtures import Mixtures, usable

        members = [knowledge(colours(dataset.n_items, 0.3, 0)), knowledge(vectors, knows)]
        rows = usable(members, dataset)
        assert not np.isin(np.asarray(dataset.validation.target)[rows], np.flatnonzero(~knows)).any()
        found.append(cross_entropy(Mixtures(members, dataset, rows).blocks(), np.ones(2))[0])
    assert found[0] == pytest.approx(found[1])


def test_the_gradient_of_the_cross_entropy_is_right() -> None:
    generator = np.random.default_rng(0)
    out = generator.random((5, 9)) < 0.2
    clicked = np.zeros((5, 9), bool)
    clicked[np.arange(5), [0, 1, 2, 3, 4]] = True
    clicked[0, 7] = True
    block = Block(generator.normal(size=(3, 5, 9)).astype(np.float32), out & ~clicked, clicked)
    for weights in generator.random((3, 3)):
        wrong = check_grad(
            lambda w: cross_entropy(iter([block]), w)[0],
            lambda w: cross_entropy(iter([block]), w)[1],
            weights,
            epsilon=1e-2,
        )
        assert wrong < 0.02


def test_the_climb_never_ends_below_a_start() -> None:
    goal = np.array([1.0, 0.0, 0.35])

    def value(weights: np.ndarray) -> float:
        return float(1 / (1 + ((weights - goal) ** 2).sum()))

    starts = [np.ones(3), np.array([0.0, 0.0, 1.0])]
    found = climb(value, starts, [0, 1, 2])
    assert value(found) > max(map(value, starts))
    assert found[1] == 0.0
    assert climb(value, starts, [0])[1:].tolist() == [1.0, 1.0]


def test_a_weight_of_zero_comes_back_where_it_helps() -> None:
    goal = np.array([1.0, 0.5])

    def value(weights: np.ndarray) -> float:
        return float(1 / (1 + ((weights - goal) ** 2).sum()))

    assert climb(value, [np.array([1.0, 0.0])], [0, 1]).tolist() == [1.0, 0.5]
