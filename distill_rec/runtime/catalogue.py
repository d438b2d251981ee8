"""The items that a student knows: ids, vectors, and what its user encoder prepares of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from distill_rec.artifact.errors import DataError
from distill_rec.artifact.stored import Stored
from distill_rec.runtime.arrays import Floats
from distill_rec.runtime.request import Request
from distill_rec.runtime.user_encoders import UserEncoder
from distill_rec.runtime.vectors import ItemVectors

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Catalogue:
    """Immutable: a change makes a new one, so that readers in other threads are never disturbed.

    Attributes:
        ids: item ids, by row; removed ones keep theirs, because histories may name them.
        place: row of each id.
        vectors: of the rows, offsets included.
        prepared: see `UserEncoder.prepare`.
        longest: no vector is longer than this.
        longest_loaded: the same of the rows as they were loaded.
        removed: ids that are never recommended.
        hidden: their rows, ascending.
        cut: the first numbers of the vectors, of which scores are computed; None where they are of all.
    """

    ids: list[str]
    place: dict[str, int]
    vectors: ItemVectors
    prepared: Floats | None
    longest: float
    longest_loaded: float
    removed: frozenset[str] = frozenset()
    hidden: Rows | None = None
    cut: ItemVectors | None = None

    @staticmethod
    def of(ids: list[str], stored: Stored, encoder: UserEncoder, removed: Sequence[str] = ()) -> Catalogue:
        place = {item: row for row, item in enumerate(ids)}
        parts: list[Floats] = []
        longest = 0.0
        for _, rows in stored.blocks():
            prepared = encoder.prepare(rows)
            if prepared is not None:
                parts.append(prepared)
            longest = max(longest, _longest(rows))
        prepared = np.concatenate(parts) if parts else None
        catalogue = Catalogue(ids, place, ItemVectors.of(stored), prepared, longest, longest)
        return catalogue.without(removed) if removed else catalogue

    @property
    def scored(self) -> ItemVectors:
        """What scores are computed of; histories are read as `vectors`."""
        return self.vectors if self.cut is None else self.cut

    def first(self, dim: int) -> Catalogue:
        """With scores of the first `dim` numbers; of a catalogue as it was loaded."""
        return replace(self, cut=ItemVectors.of(self.vectors.base.first(dim)))

    def __len__(self) -> int:
        """Items that can be recommended."""
        return len(self.ids) - len(self.removed)

    def __contains__(self, item: object) -> bool:
        """Whether an item can be recommended."""
        return item in self.place and item not in self.removed

    def with_items(self, ids: Sequence[str], vectors: Floats, encoder: UserEncoder) -> Catalogue:
        """With these items added; an id that is there already gets the new vector, one that was removed comes back."""
        fresh = [item for item in ids if item not in self.place]
        place = {**self.place, **{item: len(self.ids) + row for row, item in enumerate(fresh)}}
        rows = np.array([place[item] for item in ids], dtype=np.int64)
        prepared = encoder.prepare(vectors)
        if prepared is not None and self.prepared is not None:
            whole = np.resize(self.prepared, len(place))
            whole[rows] = prepared
            prepared = whole
        changed_vectors = self.vectors.replaced(rows, vectors)
        changed = replace(
            self,
            ids=self.ids + fresh,
            place=place,
            vectors=changed_vectors,
            prepared=prepared,
            cut=None if self.cut is None else self.cut.replaced(rows, vectors[:, : self.cut.dim]),
            # Anew, so that a long vector that was replaced widens no search any more.
            longest=max(self.longest_loaded, _longest(changed_vectors.extra)),
        )
        back = self.removed.intersection(ids)
        return changed._hiding(self.removed - back) if back else changed

    def without(self, ids: Sequence[str]) -> Catalogue:
        """With these items never recommended.

        Raises:
            DataError: an id is unknown.
        """
        for item in ids:
            if not isinstance(item, str) or item not in self.place:
                raise DataError("items", f"unknown item {item!r}", "ids of the catalogue", "Nothing was removed.")
        return self._hiding(self.removed | frozenset(ids))

    def _hiding(self, removed: frozenset[str]) -> Catalogue:
        rows = np.sort(np.array([self.place[item] for item in removed], dtype=np.int64))
        return replace(self, removed=removed, hidden=rows if len(rows) else None)

    def rows(self, items: Sequence[str], what: str) -> Rows:
        """Rows of ids that can be recommended.

        Raises:
            DataError: an id is unknown or removed; it is named.
        """
        try:
            found = list(map(self.place.__getitem__, items))
        except (KeyError, TypeError):  # a list is no key at all
            unknown = next(item for item in items if not isinstance(item, str) or item not in self.place)
            kind = "" if isinstance(unknown, str) else f" (of type {type(unknown).__name__}; ids are text)"
            raise DataError(
                what, f"unknown item {unknown!r}{kind}", "ids of the catalogue", "Add it with add_items."
            ) from None
        if self.removed and (gone := next((item for item in items if item in self.removed), None)) is not None:
            raise DataError(what, f"removed item {gone!r}", "ids of the catalogue", "Add it again with add_items.")
        return np.array(found, dtype=np.int64)

    def known_rows(self, items: Sequence[str], what: str = "history") -> Rows:
        """Rows of the ids that are known, removed ones too, in order.

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

    def left_out(self, request: Request) -> Rows:
        """Rows that this user must not see; hidden ones, which nobody must, are not among them."""
        return np.concatenate([self.known_rows(request.history), self.known_rows(request.exclude, "exclude")])


def _longest(vectors: Floats) -> float:
    return float(np.sqrt(np.einsum("ij,ij->i", vectors, vectors).max(initial=0.0)))
