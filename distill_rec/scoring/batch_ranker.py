"""The map: users with their histories in, ranked items out. Pure, so that any process may run it on any batch."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from distill_rec.runtime import Student
from distill_rec.scoring.inputs import HISTORY, USER

Ranked = list[tuple[str, float]]

SCHEMA = pa.schema(
    [
        pa.field(USER, pa.string(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("score", pa.float32(), nullable=False),
        pa.field("rank", pa.int32(), nullable=False),
    ]
)
"""One row per recommendation, so that a table in a database, a join or a filter needs no unnesting; rank from 1."""


@dataclass(frozen=True)
class RankingOptions:
    """What is asked of the student, the same for every user.

    Attributes:
        k: items per user.
        seen: items of the history may be recommended again.
        only: ids among which is ranked; all where None.
    """

    k: int = 10
    seen: bool = False
    only: tuple[str, ...] | None = None


@dataclass
class Counts:
    """Sums over batches.

    Attributes:
        users: ranked.
        rows: recommendations.
        without_history: users whose history is empty; they are ranked as new users.
        nothing_known: users whose history names unknown items only; they are too.
        unknown_items: clicks of histories on items that the student does not know; they are left out.
        fewer: users who got less than k items.
        refused: rows without a user id.
    """

    users: int = 0
    rows: int = 0
    without_history: int = 0
    nothing_known: int = 0
    unknown_items: int = 0
    fewer: int = 0
    refused: int = 0

    def add(self, other: Counts) -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


class BatchRanker:
    """Ranks for batches of users. Thread-safe, as the student is.

    Raises:
        DataError: k is more than the catalogue holds, or an item of `only` is not in it.
    """

    def __init__(self, student: Student, options: RankingOptions) -> None:
        self.student, self.options = student, options
        ids = student.item_ids
        self.known = pa.array(ids, pa.large_string())
        wanted = None if options.only is None else list(options.only)
        student.recommend([], options.k, only=wanted)

    def __call__(self, users: pl.DataFrame) -> tuple[pa.Table, Counts]:
        """Recommendations of a frame of `user_id` and `history`, by `SCHEMA`, in the frame's order."""
        named = users.filter(pl.col(USER).is_not_null() & (pl.col(USER) != ""))
        histories = named[HISTORY].to_list()
        only = None if self.options.only is None else list(self.options.only)
        found = self.student.recommend_many(histories, self.options.k, only=only, seen=self.options.seen)
        lengths = np.array([len(ranked) for ranked in found], dtype=np.int64)
        counts = self._counts(named[HISTORY], lengths)
        counts.refused = len(users) - len(named)
        return self._table(named[USER], found, lengths), counts

    def _counts(self, histories: pl.Series, lengths: NDArray[np.int64]) -> Counts:
        lists = histories.to_arrow()
        clicks = pc.list_value_length(lists).to_numpy(zero_copy_only=False).astype(np.int64)
        offsets = np.concatenate([[0], np.cumsum(clicks)])
        found = pc.is_in(lists.flatten().cast(pa.large_string()), value_set=self.known)
        known = np.concatenate([[0], np.cumsum(found.to_numpy(zero_copy_only=False))])
        kept = known[offsets[1:]] - known[offsets[:-1]]
        return Counts(
            users=len(histories),
            rows=int(lengths.sum()),
            without_history=int((clicks == 0).sum()),
            nothing_known=int(((clicks > 0) & (kept == 0)).sum()),
            unknown_items=int((clicks - kept).sum()),
            fewer=int((lengths < self.options.k).sum()),
        )

    def _table(self, users: pl.Series, found: list[Ranked], lengths: NDArray[np.int64]) -> pa.Table:
        pairs = list(chain.from_iterable(found))
        starts = np.repeat(np.cumsum(lengths) - lengths, lengths)
        columns = [
            pa.array(np.repeat(np.array(users.to_list(), dtype=object), lengths), pa.string()),
            pa.array([item for item, _ in pairs], pa.string()),
            pa.array([score for _, score in pairs], pa.float32()),
            pa.array(np.arange(len(pairs)) - starts + 1, pa.int32()),
        ]
        return pa.Table.from_arrays(columns, schema=SCHEMA)
