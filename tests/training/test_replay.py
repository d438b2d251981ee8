"""What is new is in every epoch, and of what an earlier run has trained on a share is."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from tiny import make_dataset

from distill_rec.training.batches import make_batches
from distill_rec.training.replay import Replayed

FRESH = 0.3


def epoch_of(batches: Replayed, number: int) -> list[int]:
    """Places of the targets (or rows) of an epoch, among all."""
    made = [batches.make(samples) for samples in batches.epoch(number)]
    assert len(made) == batches.per_epoch
    return [int(place) for batch in made for place in batch.number]  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["clicks", "impressions"])
@pytest.mark.parametrize("share", [0.0, 0.4])
def test_new_ones_are_in_every_epoch_once_and_of_the_others_a_share(kind: str, share: float) -> None:
    dataset = make_dataset(kind, n_users=200)  # type: ignore[arg-type]
    plain = make_batches(dataset, 16, seed=1)
    every = sorted(int(place) for samples in plain.epoch(0) for place in plain.make(samples).number)  # type: ignore[union-attr]
    fresh = np.random.default_rng(0).random(max(every) + 1) < FRESH
    batches = Replayed(plain, fresh, share)
    found = [epoch_of(batches, number) for number in range(12)]
    for epoch in found:
        assert max(Counter(epoch).values()) == 1
        assert {place for place in every if fresh[place]} <= set(epoch) <= set(every)
    old = [sum(not fresh[place] for place in epoch) for epoch in found]
    assert np.mean(old) == pytest.approx(share * sum(not fresh[place] for place in every), rel=0.1)
    if share:
        assert found[0] != found[1]
    assert epoch_of(Replayed(plain, fresh, share), 3) == found[3]


def test_where_nothing_is_new_and_nothing_is_to_be_repeated_all_is() -> None:
    plain = make_batches(make_dataset(), 16, seed=1)
    nothing = np.zeros(2000, np.bool_)
    assert Replayed(plain, nothing, 0.0).per_epoch == plain.per_epoch
