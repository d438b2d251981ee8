"""The items that a student knows: ids, vectors, and what its user encoder prepares of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill_rec.runtime.errors import DataError
from distill_rec.runtime.projection import Floats
from distill_rec.runtime.user_encoders import UserEncoder


@dataclass(frozen=True)
class Catalogue:
    """Immutable: adding items makes a new one, so that readers in other threads are never disturbed.

    Attributes:
        ids: item ids, by row.
        place: row of each id.
        vectors: float32 `[n_items, dim]`, offsets included.
        prepared: see `UserEncoder.prepare`.
    """

    ids: list[str]
    place: dict[str, int]
    vectors: Floats
    prepared: Floats | None

    @staticmethod
    def of(ids: list[str], vectors: Floats, encoder: UserEncoder) -> Catalogue:
        return Catalogue(ids, {item: row for row, item in enumerate(ids)}, vectors, encoder.prepare(vectors))

    def with_items(self, ids: Sequence[str], vectors: Floats, encoder: UserEncoder) -> Catalogue:
        """A catalogue with these items added; an id that is there already gets the new vector."""
        fresh = [item for item in ids if item not in self.place]
        all_ids = self.ids + fresh
        place = {**self.place, **{item: len(self.ids) + row for row, item in enumerate(fresh)}}
        whole = np.concatenate([self.vectors, np.zeros((len(fresh), self.vectors.shape[1]), np.float32)])
        rows = np.array([place[item] for item in ids], dtype=np.int64)
        whole[rows] = vectors
        return Catalogue(all_ids, place, whole, encoder.prepare(whole))

    def rows(self, items: Iterable[str], what: str) -> NDArray[np.int64]:
        """Rows of ids.

        Raises:
            DataError: an id is unknown; it is named.
        """
        try:
            return np.array([self.place[item] for item in items], dtype=np.int64)
        except KeyError as error:
            raise DataError(what, f"unknown item {error.args[0]!r}", "ids of the catalogue", "Add it first.") from None

    def known_rows(self, items: Iterable[str]) -> NDArray[np.int64]:
        """Rows of the ids that are known, in order."""
        place = self.place
        return np.array([place[item] for item in items if item in place], dtype=np.int64)


def best(scores: Floats, k: int) -> NDArray[np.int64]:
    """Rows of the k highest scores, highest first, equal scores in the catalogue's order; -inf never."""
    k = min(k, int(np.count_nonzero(scores != -np.inf)))
    if k == 0:
        return np.empty(0, dtype=np.int64)
    if k < len(scores):
        threshold = np.partition(scores, len(scores) - k)[len(scores) - k]
        rows = np.flatnonzero(scores >= threshold)
    else:
        rows = np.flatnonzero(scores != -np.inf)
    return rows[np.argsort(-scores[rows], kind="stable")][:k]
