"""Which items stand in whose history, by the buckets of `distill_rec.artifact.repeat`, for a batch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from distill_rec.artifact.repeat import bucket_of, buckets_at
from distill_rec.losses.repeats import RepeatPlaces
from distill_rec.training.batches import ImpressionBatch, SequenceBatch


def sequence_places(batch: SequenceBatch, place: Tensor) -> RepeatPlaces:
    """Of every target at once: the distinct items among the clicks that it sees, and how long ago each was last one.

    What a target sees ends at its `position`, so that clicks of its own second are not in its history. A click is an
    item's last one for all positions behind it up to the item's next click.

    Args:
        place: `[n_items]`, each item's number within the window.
    """
    position = batch.position[:, None]
    column = np.arange(batch.history.shape[1])
    last = (column < position) & (position <= _next_click(batch.history, batch.mask)[batch.row])
    row, at = np.nonzero(last)
    starts = np.concatenate([[0], np.cumsum(np.count_nonzero(last, axis=1))])
    bucket = bucket_of(batch.position[row] - 1 - at)
    item = place[torch.from_numpy(batch.history[batch.row[row], at]).to(place.device)]
    rows, buckets = (torch.from_numpy(one).to(place.device) for one in (row, bucket))
    return RepeatPlaces(starts.tolist(), rows, item, buckets)


def _next_click(history: NDArray[np.int64], mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Of each click `[batch, length]` the column of its item's next one in the row; `length` where there is none."""
    row, column = np.nonzero(mask)
    items = history[row, column]
    order = np.lexsort((column, items, row))
    same = (np.diff(row[order]) == 0) & (np.diff(items[order]) == 0)
    out = np.full(history.shape, history.shape[1], dtype=np.int64)
    before, after = order[:-1][same], order[1:][same]
    out[row[before], column[before]] = column[after]
    return out


def candidate_buckets(batch: ImpressionBatch, device: torch.device) -> Tensor:
    """The bucket of each candidate `[batch, n_candidates]` in its row's history; `BUCKETS` where it is not there."""
    offsets = np.concatenate([[0], np.cumsum(batch.mask.sum(1))])
    row = np.repeat(np.arange(len(batch.candidates)), batch.candidates.shape[1])
    found = buckets_at(batch.history[batch.mask], offsets, row, batch.candidates.ravel())
    return torch.from_numpy(found.reshape(batch.candidates.shape)).to(device)


def numbers_at(numbers: Tensor, bucket: Tensor) -> Tensor:
    """The number of each bucket; zero at `BUCKETS`."""
    # embedding's gradient is deterministic, where that of indexing is slow when it must be.
    return functional.embedding(bucket, functional.pad(numbers, (0, 1))[:, None]).squeeze(-1)
