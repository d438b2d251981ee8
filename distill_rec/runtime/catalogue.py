"""The items that a student knows: ids, vectors, and what its user encoder prepares of them."""

from __future__ import annotations

from collections.abc import Sequence
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
        vectors: float32 `[n_items, dim]`, offsets included; read-only.
        prepared: see `UserEncoder.prepare`.
        longest: no vector is longer than this.
    """

    ids: list[str]
    place: dict[str, int]
    vectors: Floats
    prepared: Floats | None
    longest: float

    def __post_init__(self) -> None:
        self.vectors.flags.writeable = False

    @staticmethod
    def of(ids: list[str], vectors: Floats, encoder: UserEncoder) -> Catalogue:
        place = {item: row for row, item in enumerate(ids)}
        return Catalogue(ids, place, vectors, encoder.prepare(vectors), _longest(vectors))

    def with_items(self, ids: Sequence[str], vectors: Floats, encoder: UserEncoder) -> Catalogue:
        """A catalogue with these items added; an id that is there already gets the new vector."""
        fresh = [item for item in ids if item not in self.place]
        place = {**self.place, **{item: len(self.ids) + row for row, item in enumerate(fresh)}}
        rows = np.array([place[item] for item in ids], dtype=np.int64)
        prepared = encoder.prepare(vectors)
        if prepared is not None and self.prepared is not None:
            prepared = _with_rows(self.prepared, rows, prepared, len(place))
        whole = _with_rows(self.vectors, rows, vectors, len(place))
        return Catalogue(self.ids + fresh, place, whole, prepared, max(self.longest, _longest(vectors)))

    def rows(self, items: Sequence[str], what: str) -> NDArray[np.int64]:
        """Rows of ids.

        Raises:
            DataError: an id is unknown; it is named.
        """
        try:
            return np.array(list(map(self.place.__getitem__, items)), dtype=np.int64)
        except (KeyError, TypeError):  # a list is no key at all
            unknown = next(item for item in items if not isinstance(item, str) or item not in self.place)
        kind = "" if isinstance(unknown, str) else f" (of type {type(unknown).__name__}; ids are text)"
        raise DataError(what, f"unknown item {unknown!r}{kind}", "ids of the catalogue", "Add it with add_items.")

    def known_rows(self, items: Sequence[str], what: str = "history") -> NDArray[np.int64]:
        """Rows of the ids that are known, in order.

        Raises:
            DataError: an id is not text; it would never be known, and nobody would notice.
        """
        place = self.place
        try:
            return np.array(list(map(place.__getitem__, items)), dtype=np.int64)
        except (KeyError, TypeError):
            if wrong := [item for item in items if not isinstance(item, str)]:
                self.rows(wrong[:1], what)
            return np.array([place[item] for item in items if item in place], dtype=np.int64)


def _longest(vectors: Floats) -> float:
    return float(np.linalg.norm(vectors, axis=1).max(initial=0.0))


def _with_rows(old: Floats, rows: NDArray[np.int64], values: Floats, length: int) -> Floats:
    """A copy of `old`, made `length` long, with these rows replaced."""
    whole = np.zeros((length, *old.shape[1:]), dtype=np.float32)
    whole[: len(old)] = old
    whole[rows] = values
    return whole
