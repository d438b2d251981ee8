"""Batches of training samples, each epoch in an order drawn from a seed and the epoch's number alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.dataset import Dataset, Impressions, Sequences
from distill_rec.data.slices import Slices, whole

Indices = NDArray[np.int64]
BUCKET = 16


@dataclass(frozen=True)
class Share:
    """What a part of a batch is of the whole: by this a mean over the part is its addend of the batch's mean.

    Attributes:
        rows: of targets, or of impressions.
        weight: of the targets' weights.
        clicks: of the impressions' clicks.
        real_clicks: of the clicks of rows that are not changed, over the part's share of such rows in the batch's.
    """

    rows: float = 1.0
    weight: float = 1.0
    clicks: float = 1.0
    real_clicks: float = 1.0


@dataclass(frozen=True)
class SequenceBatch:
    """Clicks of several users; every position is a target.

    Attributes:
        history, mask: items `[batch, length]`, oldest first, padded on the right.
        row, position: `[n_targets]`; the user vector of target t is that of row `row[t]` after `position[t]` clicks.
        target: item `[n_targets]`.
        weight: float32 `[n_targets]`.
        changed: bool `[n_targets]`, targets that follow on a history which nobody had; None where there are none.
        number: `[n_targets]`, each target's place among all training clicks, user after user.
        share: of the batch that it is a part of; None where it is whole.
    """

    history: Indices
    mask: NDArray[np.bool_]
    row: Indices
    position: Indices
    target: Indices
    weight: NDArray[np.float32]
    changed: NDArray[np.bool_] | None = None
    number: Indices | None = None
    share: Share | None = None

    @property
    def items(self) -> Indices:
        return np.unique(np.concatenate([self.history[self.mask], self.target]))


@dataclass(frozen=True)
class ImpressionBatch:
    """Impressions: histories, candidates and which were clicked, all padded on the right.

    Attributes:
        changed: bool `[batch]`, rows whose history nobody had; None where there are none.
        grades: float32 `[batch, n_candidates]`, what users rated; None where the data have none.
        draw: epoch and number of the batch, a seed for what an objective draws of it; None where none has asked.
        number: `[batch]`, each row's place among the training impressions.
        share: of the batch that it is a part of; None where it is whole.
    """

    history: Indices
    mask: NDArray[np.bool_]
    candidates: Indices
    shown: NDArray[np.bool_]
    labels: NDArray[np.bool_]
    changed: NDArray[np.bool_] | None = None
    grades: NDArray[np.float32] | None = None
    draw: tuple[int, int] | None = None
    number: Indices | None = None
    share: Share | None = None

    @property
    def items(self) -> Indices:
        return np.unique(np.concatenate([self.history[self.mask], self.candidates[self.shown]]))


Batch = SequenceBatch | ImpressionBatch


class Batches(Protocol):
    """Where a training loop takes its batches from."""

    per_epoch: int

    def epoch(self, number: int) -> list[Indices]:
        """Sample numbers of each batch of an epoch."""

    def make(self, samples: Indices) -> Batch: ...


def order_of(lengths: NDArray[np.int64], batch_size: int, seed: int, epoch: int) -> list[Indices]:
    """Shuffled batches of like lengths: shuffle, sort within pools of `BUCKET` batches, shuffle the batches."""
    generator = np.random.default_rng([seed, epoch])
    shuffled = generator.permutation(len(lengths))
    batches = []
    for start in range(0, len(shuffled), batch_size * BUCKET):
        pool = shuffled[start : start + batch_size * BUCKET]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [pool[at : at + batch_size] for at in range(0, len(pool), batch_size)]
    return [batches[index] for index in generator.permutation(len(batches))]


class SequenceBatches:
    """Windows of at most `max_history` clicks; each click is a target exactly once, seen from earlier seconds only.

    A sequence longer than a window is cut into windows that overlap by half, so that no target but the first
    ones has less than half a window of history.
    """

    def __init__(self, sequences: Sequences, max_history: int, batch_size: int, seed: int) -> None:
        self.batch_size, self.seed = batch_size, seed
        clicks, weights = whole(sequences.items), whole(sequences.weights).values
        first, last, begin, end, position = _windows(clicks.offsets, whole(sequences.times).values, max_history)
        self.items = Slices(clicks.values, begin, end)
        self.targets = Slices(clicks.values, first, last)
        self.positions, self.weights = Slices(position, first, last), Slices(weights, first, last)
        self.numbers = Slices(np.arange(len(position)), first, last)
        self.per_epoch = -(-len(self.items) // batch_size)

    def epoch(self, number: int) -> list[Indices]:
        return order_of(self.lengths, self.batch_size, self.seed, number)

    @property
    def lengths(self) -> Indices:
        """Of each sample's history."""
        return self.items.lengths

    def holds(self, clicks: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which samples have one of these clicks (bool, in their order) as a target."""
        before = np.concatenate([[0], np.cumsum(clicks)])
        return np.asarray(before[self.targets.end] > before[self.targets.begin])

    def make(self, samples: Indices) -> SequenceBatch:
        history, mask = self.items.take(samples).padded()
        targets = self.targets.take(samples)
        return SequenceBatch(
            history.astype(np.int64),
            mask,
            np.repeat(np.arange(len(samples)), targets.lengths),
            self.positions.take(samples).values.astype(np.int64),
            targets.values.astype(np.int64),
            self.weights.take(samples).values,
            number=self.numbers.take(samples).values,
        )


def _windows(
    offsets: Indices, time: NDArray[np.int64], max_history: int
) -> tuple[Indices, Indices, Indices, Indices, Indices]:
    """Windows of clicks that lie one user after the other, as places among them.

    Args:
        offsets: `[n_users + 1]`, where each user's clicks begin.
        time: `[n_clicks]`, rising within a user.

    Returns:
        First and last (exclusive) target and first and last (exclusive) history click of each window, and for each
        click how many clicks of its window it sees.
    """
    stride = max(1, max_history // 2)
    own = np.repeat(offsets[:-1], np.diff(offsets))  # where the clicks of a click's user begin
    changes = np.diff(own, prepend=-1) != 0
    moments = changes | (np.diff(time, prepend=time[:1]) != 0)
    seen = np.maximum.accumulate(np.where(moments, np.arange(len(own)), 0))  # the first click of the same second
    number = np.maximum(0, -(-(seen - own - max_history) // stride))
    first = np.flatnonzero(changes | (np.diff(number, prepend=-1) != 0))
    last = np.append(first[1:], len(own))
    start = own + number * stride
    # a window's targets see more and more, the last one most
    return first, last, start[first], seen[last - 1] if len(first) else first, seen - start


class ImpressionBatches:
    """Impressions with at least one click and one candidate that was not clicked."""

    def __init__(self, impressions: Impressions, batch_size: int, seed: int) -> None:
        self.batch_size, self.seed = batch_size, seed
        clicks = np.add.reduceat(
            np.append(impressions.labels.values, 0).astype(np.int64), impressions.labels.offsets[:-1]
        ) * (impressions.labels.lengths > 0)
        useful = (clicks > 0) & (clicks < impressions.labels.lengths)
        self.number = np.flatnonzero(useful)
        self.impressions = impressions.take(self.number)
        self.per_epoch = -(-len(self.impressions) // batch_size)

    def epoch(self, number: int) -> list[Indices]:
        return order_of(self.lengths, self.batch_size, self.seed, number)

    @property
    def lengths(self) -> Indices:
        """Of each sample's candidates."""
        return self.impressions.candidates.lengths

    def holds(self, impressions: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which samples are one of these impressions (bool, in their order)."""
        return np.asarray(impressions[self.number])

    def make(self, samples: Indices) -> ImpressionBatch:
        part = self.impressions.take(samples)
        history, mask = self.impressions.history.take(samples).padded()
        candidates, shown = part.candidates.padded()
        labels, _ = part.labels.padded()
        return ImpressionBatch(
            history.astype(np.int64),
            mask,
            candidates.astype(np.int64),
            shown,
            labels.astype(np.bool_),
            grades=None if part.grades is None else part.grades.padded()[0],
            number=self.number[samples],
        )


def make_batches(dataset: Dataset, batch_size: int, seed: int) -> SequenceBatches | ImpressionBatches:
    """The training samples of a data set."""
    if isinstance(dataset.train, Sequences):
        return SequenceBatches(dataset.train, dataset.max_history, batch_size, seed)
    return ImpressionBatches(dataset.train, batch_size, seed)
