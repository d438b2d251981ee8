"""Batches of what is new, and of a share of what an earlier run has trained on: so that little is forgotten."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.dataset import Dataset
from distill_rec.training.batches import (
    Batch,
    Batches,
    ImpressionBatches,
    Indices,
    SequenceBatch,
    SequenceBatches,
    order_of,
)

DRAWS = 7
"""Beside the seed and the epoch, so that what is drawn is not the order that is drawn."""


def replayed(batches: SequenceBatches | ImpressionBatches, dataset: Dataset, share: float) -> Batches:
    """The batches, of clicks that an earlier run has trained on a share alone; see `Replayed`."""
    return batches if share == 1.0 or dataset.fresh is None else Replayed(batches, dataset.fresh, share)


class Replayed:
    """Every sample with something new in every epoch, and of the others a share, drawn anew for each.

    Of a sample (a window of a user's clicks) that has both, each old target stays with the same chance; so an epoch
    repeats the share of all old clicks, in expectation.

    Args:
        batches: all samples.
        fresh: bool, training clicks (in their order), or impressions, that are new.
        share: of the others.
    """

    def __init__(self, batches: SequenceBatches | ImpressionBatches, fresh: NDArray[np.bool_], share: float) -> None:
        self.batches, self.fresh, self.share = batches, np.array(fresh), share
        self.samples = len(batches.lengths)
        new = batches.holds(self.fresh)
        self.new, self.old = np.flatnonzero(new), np.flatnonzero(~new)
        self.drawn = round(share * len(self.old))
        if not len(self.new) + self.drawn:  # nothing new can be learnt from, and nothing is to be repeated
            self.drawn = len(self.old)
        self.per_epoch = -(-(len(self.new) + self.drawn) // batches.batch_size)

    def epoch(self, number: int) -> list[Indices]:
        """Sample numbers of each batch; they carry the epoch's number, by which `make` draws."""
        generator = np.random.default_rng([self.batches.seed, number, DRAWS])
        chosen = np.sort(np.append(self.new, generator.choice(self.old, self.drawn, replace=False)))
        order = order_of(self.batches.lengths[chosen], self.batches.batch_size, self.batches.seed, number)
        return [chosen[batch] + number * self.samples for batch in order]

    def make(self, samples: Indices) -> Batch:
        number, own = int(samples[0]) // self.samples, samples % self.samples
        batch = self.batches.make(own)
        if not isinstance(batch, SequenceBatch) or batch.number is None:
            return batch
        generator = np.random.default_rng([self.batches.seed, number, DRAWS, int(own[0])])
        kept = self.fresh[batch.number] | (generator.random(len(batch.number)) < self.share)
        kept |= ~np.isin(own, self.new)[batch.row]
        return replace(
            batch,
            row=batch.row[kept],
            position=batch.position[kept],
            target=batch.target[kept],
            weight=batch.weight[kept],
            number=batch.number[kept],
        )
