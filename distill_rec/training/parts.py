"""A batch divided among processes, so that losses and gradients of the parts add up to the batch's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from distill_rec.ranks import Ranks
from distill_rec.training.batches import Batch, ImpressionBatch, SequenceBatch, Share


def part_of(batch: Batch, ranks: Ranks) -> Batch:
    """Every n-th row of a batch, which this process has; the batch itself where it is alone.

    Rows stay as wide as the batch's, so that each is encoded as it would be there.
    """
    if ranks.count == 1:
        return batch
    if isinstance(batch, SequenceBatch):
        return _of_sequences(batch, ranks)
    return _of_impressions(batch, ranks)


def _of_sequences(batch: SequenceBatch, ranks: Ranks) -> SequenceBatch:
    own = batch.row % ranks.count == ranks.rank
    rows = slice(ranks.rank, None, ranks.count)
    weight = batch.weight[own]
    share = Share(rows=_ratio(int(own.sum()), len(own)), weight=_ratio(weight.sum(), batch.weight.sum()))
    return replace(
        batch,
        history=batch.history[rows],
        mask=batch.mask[rows],
        row=batch.row[own] // ranks.count,
        position=batch.position[own],
        target=batch.target[own],
        # A mean by weights that are all zero would be none; its share is zero.
        weight=weight if share.weight > 0 else np.ones_like(weight),
        changed=None if batch.changed is None else batch.changed[own],
        number=None if batch.number is None else batch.number[own],
        share=share,
    )


def _of_impressions(batch: ImpressionBatch, ranks: Ranks) -> ImpressionBatch:
    rows = slice(ranks.rank, None, ranks.count)
    clicks = (batch.labels & batch.shown).sum(1)
    real = np.ones(len(clicks), np.bool_) if batch.changed is None else ~batch.changed
    share = Share(
        rows=_ratio(len(clicks[rows]), len(clicks)),
        clicks=_ratio(clicks[rows].sum(), clicks.sum()),
        real_clicks=_of_real(clicks, real, rows),
    )
    return replace(
        batch,
        history=batch.history[rows],
        mask=batch.mask[rows],
        candidates=batch.candidates[rows],
        shown=batch.shown[rows],
        labels=batch.labels[rows],
        changed=None if batch.changed is None else batch.changed[rows],
        grades=None if batch.grades is None else batch.grades[rows],
        number=None if batch.number is None else batch.number[rows],
        share=share,
    )


def _of_real(clicks: NDArray[np.int64], real: NDArray[np.bool_], rows: slice) -> float:
    """See `Share.real_clicks`: a mean over clicks of real rows, which `of_rows` multiplies by these rows' share."""
    among = _ratio((clicks * real)[rows].sum(), (clicks * real).sum())
    return among * _ratio(real.mean(), real[rows].mean()) if len(real[rows]) else 0.0


def _ratio(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole > 0 else 0.0
