"""Histories that nobody had: those of a batch with clicks swapped, walked on, left out or mixed with another user's.

The click that came next stays the target, so a change never brings in an item that its row holds or is asked for.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.dataset import Dataset
from distill_rec.data.followers import Followers
from distill_rec.sections.histories import HistoriesSection
from distill_rec.training.batches import Batch, ImpressionBatch, Indices, SequenceBatch

Flags = NDArray[np.bool_]

STREAM = 0x415
"""Parts the draws from those of the epochs' order; not zero, because a seed's trailing zeros count for nothing."""


def click_histories(section: HistoriesSection, dataset: Dataset, seed: int) -> Histories | None:
    """What changes the histories of a model that learns from clicks alone; None where it learns from the data's own."""
    return Histories(section, dataset, seed) if section.changes and section.with_clicks else None


class Histories:
    """Changes the histories of training batches, each as its seed and place in the training say.

    Only items with training clicks come in, and through `mix` whatever another training history holds.
    """

    def __init__(self, section: HistoriesSection, dataset: Dataset, seed: int) -> None:
        self.section, self.seed, self.n_items = section, seed, dataset.n_items
        self.warm = np.flatnonzero(dataset.warm)
        self.followers = Followers.of(dataset) if section.walk > 0 else None

    def change(self, batch: Batch, epoch: int, number: int) -> Batch:
        """The batch with some of its histories changed, and which of its targets (or rows) see a changed one.

        Args:
            epoch: of the training. number: of the batch within it.
        """
        generator = np.random.default_rng([self.seed, epoch, number, STREAM])
        rows = generator.random(len(batch.history)) < self.section.share
        history = self._replaced(batch, rows, generator)
        kept = batch.mask & ~self._chosen(rows, batch.mask, self.section.drop, generator)
        changed = batch.mask & ((history != batch.history) | ~kept)
        history, mask = _closed_up(history, kept)
        if isinstance(batch, ImpressionBatch):
            return replace(batch, history=history, mask=mask, changed=changed.any(1))
        return replace(
            batch,
            history=history,
            mask=mask,
            position=_among_first(kept)[batch.row, batch.position],
            changed=_among_first(changed)[batch.row, batch.position] > 0,
        )

    def _replaced(self, batch: Batch, rows: Flags, generator: np.random.Generator) -> Indices:
        """Histories `[batch, length]` in which clicks of the given rows have become others."""
        section, history = self.section, batch.history.copy()
        if section.mix > 0:
            history = _mixed(history, batch.mask, rows & (generator.random(len(rows)) < section.mix), generator)
        if self.followers is not None:
            at = self._chosen(rows, batch.mask, section.walk, generator)
            history[at] = self.followers.draw(history[at], generator)
        if section.swap > 0:
            at = self._chosen(rows, batch.mask, section.swap, generator)
            history[at] = generator.choice(self.warm, np.count_nonzero(at))
        return np.where(self._own(batch, history), batch.history, history)

    def _chosen(self, rows: Flags, mask: Flags, share: float, generator: np.random.Generator) -> Flags:
        """A share of the clicks of the given rows, drawn one by one."""
        if share == 0:
            return np.zeros_like(mask)
        return mask & rows[:, None] & (generator.random(mask.shape) < share)

    def _own(self, batch: Batch, history: Indices) -> Flags:
        """Where a history `[batch, length]` holds an item that its row has clicked, before or as a target."""
        row, item = (batch.row, batch.target) if isinstance(batch, SequenceBatch) else _clicked(batch)
        before, _ = np.nonzero(batch.mask)
        own = np.concatenate([before * self.n_items + batch.history[batch.mask], row * self.n_items + item])
        found = np.arange(len(history))[:, None] * self.n_items + history
        return np.isin(found, own) | ~batch.mask


def _clicked(batch: ImpressionBatch) -> tuple[Indices, Indices]:
    row, column = np.nonzero(batch.labels & batch.shown)
    return row, batch.candidates[row, column]


def _mixed(history: Indices, mask: Flags, rows: Flags, generator: np.random.Generator) -> Indices:
    """The given rows from a place drawn at random on as another row, for as long as that one is."""
    other = generator.permutation(len(history))
    first = (generator.random(len(history)) * mask.sum(1)).astype(np.int64)
    taken = rows[:, None] & mask & mask[other] & (np.arange(mask.shape[1]) >= first[:, None])
    return np.where(taken, history[other], history)


def _among_first(flags: Flags) -> Indices:
    """How many of each row's first 0, 1, ... are true, `[batch, length + 1]`."""
    return np.pad(np.cumsum(flags, axis=1, dtype=np.int64), ((0, 0), (1, 0)))


def _closed_up(history: Indices, kept: Flags) -> tuple[Any, Flags]:
    """Rows without the clicks that are not kept, padded on the right, and their mask."""
    lengths = kept.sum(1)
    mask: Flags = np.arange(int(lengths.max(initial=0))) < lengths[:, None]
    out = np.zeros(mask.shape, dtype=history.dtype)
    out[mask] = history[kept]
    return out, mask
