"""Models that know items by their ids, asked about a data set's item numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from distill_rec.data.dataset import Dataset
from distill_rec.data.ragged import Ragged
from distill_rec.evaluation.scorer import DotScorer, Floats
from distill_rec.runtime import Student
from distill_rec.runtime.errors import DataError

FEW = 3


def student_scorer(name: str, student: Student, dataset: Dataset) -> DotScorer | RankedById:
    """An exported student as the evaluation sees it: the vectors that a service ranks with, dimension and all.

    One with a repeat or a transition term that reads shorter histories than the data have is asked one by one, as it
    knows by itself how long ago a click was.

    Raises:
        DataError: it lacks items of the data.
    """
    ids = dataset.items["item_id"].to_list()
    place = {item: row for row, item in enumerate(student.item_ids)}
    missing = [item for item in ids if item not in place]
    if missing:
        known = f"{len(ids) - len(missing):,} of the data's {len(ids):,} items, not {', '.join(missing[:FEW])}"
        do = "Add them by their texts first: student.add_items({id: text, ...})."
        raise DataError(f"model {name!r}", f"knows {known}", "all of them", do)
    term = student.transition_term
    if (student.repeat is not None or term is not None) and student.max_history < dataset.max_history:
        return RankedById(name, student.rank, ids)
    rows = np.array([place[item] for item in ids], dtype=np.int64)
    vectors = np.ascontiguousarray(student.item_vectors[rows])

    def users(history: Ragged) -> Floats:
        rows = [student.encode_user([ids[item] for item in history[row]]) for row in range(len(history))]
        return np.stack(rows) if rows else np.empty((0, vectors.shape[1]), np.float32)

    return DotScorer(name, vectors, users, student.repeat, None if term is None else term.renumbered(rows))


class RankedById:
    """A model that is asked for one history at a time; see `distill_rec.evaluation.Scorer`.

    Args:
        name: what tables and errors call it.
        rank: from a history and candidates, both item ids, to a score for each candidate.
        ids: of the data's items, by their number.
    """

    def __init__(
        self, name: str, rank: Callable[[list[str], list[str]], Sequence[float] | Floats], ids: list[str]
    ) -> None:
        self.name, self._rank, self._ids = name, rank, ids

    def scores(self, history: Ragged, candidates: Ragged) -> Floats:
        """See `Scorer`."""
        found = [self._asked(history[row], candidates[row]) for row in range(len(candidates))]
        return np.concatenate(found) if found else np.empty(0, np.float32)

    def _asked(self, history: Any, candidates: Any) -> Floats:
        scores = np.asarray(
            self._rank([self._ids[item] for item in history], [self._ids[item] for item in candidates]), np.float32
        )
        if scores.shape != (len(candidates),):
            expected = f"one for each of {len(candidates)} candidates"
            raise DataError(f"model {self.name!r}", f"scores of shape {scores.shape}", expected)
        return scores
