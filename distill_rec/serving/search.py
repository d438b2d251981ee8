"""Search of item texts by words, for the page."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate

from distill_rec.serving.live import Live
from distill_rec.serving.refusal import Refusal

SEPARATOR = "\n"


class TextIndex:
    """All texts in one string, so that a search is one run of the interpreter's own string search."""

    def __init__(self, ids: Sequence[str], texts: Sequence[str]) -> None:
        self._ids, self._texts = ids, texts
        folded = [text.casefold().replace(SEPARATOR, " ") for text in texts]
        self._all = SEPARATOR.join(folded)
        self._starts = list(accumulate((len(text) + 1 for text in folded), initial=0))

    @cached_property
    def _places(self) -> dict[str, int]:
        return {item: place for place, item in enumerate(self._ids)}

    def named(self, ids: Sequence[str]) -> list[tuple[str, str]]:
        """These items, in their order; those that are not there are left out."""
        known = self._places
        return [(item, self._texts[known[item]]) for item in ids if item in known]

    def find(self, query: str, limit: int) -> list[tuple[str, str]]:
        """The first `limit` items, in the catalogue's order, whose text holds every word, in whatever case."""
        words = sorted(query.casefold().split(), key=len, reverse=True)
        found: list[tuple[str, str]] = []
        place = 0
        while place < len(self._ids) and len(found) < limit:
            if words:
                at = self._all.find(words[0], self._starts[place])
                if at < 0:
                    break
                place = bisect_right(self._starts, at) - 1
            if all(self._all.find(word, self._starts[place], self._starts[place + 1]) >= 0 for word in words[1:]):
                found.append((self._ids[place], self._texts[place]))
            place += 1
        return found


class Search:
    """The index of the served version, built when it is asked for and not after every update."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._building = threading.Lock()
        self._built: tuple[object, int, TextIndex] | None = None

    def find(self, query: str, limit: int) -> list[tuple[str, str]]:
        """
        Raises:
            Refusal: 404, the artifact has no texts.
        """
        return self._index().find(query, limit)

    def named(self, ids: Sequence[str]) -> list[tuple[str, str]]:
        """
        Raises:
            Refusal: 404, the artifact has no texts.
        """
        return self._index().named(ids)

    def _index(self) -> TextIndex:
        with self._building:
            version = self._live.version
            changes = version.changes
            if self._built is None or self._built[:2] != (version, changes):
                texts = version.student.item_texts
                if texts is None:
                    raise Refusal(
                        404, "catalogue", "this artifact has no texts of its items", "one exported with texts"
                    )
                removed = version.student.removed_ids
                # An item that is added between these two lines stands at the end of one of them, and is left out.
                pairs = zip(version.student.item_ids, texts, strict=False)
                kept = [pair for pair in pairs if pair[0] not in removed]
                self._built = version, changes, TextIndex([item for item, _ in kept], [text for _, text in kept])
            return self._built[2]
