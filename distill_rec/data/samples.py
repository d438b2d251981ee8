"""The samples of a prepared data set by ids, for whoever scores them elsewhere."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from distill_rec.data.dataset import Dataset, Impressions, Sequences
from distill_rec.data.ragged import Ragged
from distill_rec.data.slices import Slices, whole


def samples_of(dataset: Dataset, part: str) -> pl.DataFrame:
    """`sample, user_id, time, history` and, of impressions, `candidates`; one row a sample, in order.

    Args:
        part: train, validation, test or test_new. Samples of a log's train are its clicks, each with what came before.
    """
    samples = getattr(dataset, part)
    if isinstance(samples, Sequences):
        user = np.repeat(samples.user, samples.items.lengths)
        time, history = whole(samples.times).values, histories_of_clicks(samples, dataset.max_history)
    else:
        user, time, history = np.asarray(samples.user), np.asarray(samples.time), samples.history
        history = history.take(np.arange(len(samples)))
    columns = {
        "sample": pl.Series([f"{part}-{number}" for number in range(len(user))], dtype=pl.String),
        "user_id": dataset.users["user_id"].gather(user),
        "time": pl.Series(time, dtype=pl.Int64),
        "history": _ids(history, dataset),
    }
    if isinstance(samples, Impressions):
        columns["candidates"] = _ids(samples.candidates, dataset)
    return pl.DataFrame(columns)


def histories_of_clicks(samples: Sequences, most: int) -> Ragged:
    """What each training click's user had clicked in earlier seconds, oldest first, at most `most`."""
    clicks, time = whole(samples.items), whole(samples.times).values
    own = np.repeat(clicks.offsets[:-1], clicks.lengths)
    moments = np.diff(own, prepend=-1) != 0
    moments |= np.diff(time, prepend=time[:1]) != 0
    seen = np.maximum.accumulate(np.where(moments, np.arange(len(own)), 0))
    every: NDArray[np.int64] = np.arange(len(own))
    return Slices(clicks.values, np.maximum(own, seen - most), seen).take(every)


def _ids(rows: Ragged, dataset: Dataset) -> pl.Series:
    ids = dataset.items["item_id"].gather(np.asarray(rows.values, dtype=np.int64))
    numbers = np.repeat(np.arange(len(rows)), rows.lengths)
    frame = pl.DataFrame({"row": numbers, "item": ids}).group_by("row", maintain_order=True).agg("item")
    every = pl.DataFrame({"row": np.arange(len(rows))}).join(frame, on="row", how="left", maintain_order="left")
    return every["item"].fill_null([])
