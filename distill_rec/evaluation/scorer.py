"""What every model is to the evaluation: anything with scores; those of vectors are quick."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from distill_rec.artifact.transition import TransitionTerm
from distill_rec.data.ragged import Ragged
from distill_rec.evaluation.terms import add_to_candidates, add_to_catalogue

if TYPE_CHECKING:
    from distill_rec.data.dataset import Impressions, Queries

Floats = NDArray[np.float32]


@runtime_checkable
class Scorer(Protocol):
    """A model."""

    @property
    def name(self) -> str:
        """What tables and errors call it."""

    def scores(self, history: Ragged, candidates: Ragged) -> Floats:
        """Scores of each row's candidates, one row after the other, `[sum of their lengths]`.

        Args:
            history: rows of items, oldest first.
            candidates: as many rows of items.
        """


@runtime_checkable
class SampleScorer(Scorer, Protocol):
    """A model that must know which sample it is asked about, as one whose scores were made once; see `scores_at`."""

    def scores_of(self, samples: Queries | Impressions, rows: NDArray[np.int64], candidates: Ragged) -> Floats:
        """Scores of the candidates of these samples, one row after the other.

        Args:
            candidates: as many rows of items as `rows`.
        """


def scores_at(scorer: Scorer, samples: Queries | Impressions, rows: NDArray[np.int64], candidates: Ragged) -> Floats:
    """Scores of the candidates of these samples, by a model of either kind."""
    if isinstance(scorer, SampleScorer):
        return scorer.scores_of(samples, rows, candidates)
    return scorer.scores(samples.history.take(rows), candidates)


@dataclass(frozen=True)
class DotScorer:
    """A model with scores v·u, to which its repeat term and its transition term add, where it has them.

    Attributes:
        name: what tables and errors call it.
        item_vectors: float32 `[n_items, d]`.
        user_vectors: from rows of items, oldest first, to float32 `[n_rows, d]`; called in batches, in the samples'
            order.
        repeat: float32 `[BUCKETS]`, by how long ago (`distill_rec.artifact.repeat`); None without a repeat term.
        transitions: None without a transition term.
    """

    name: str
    item_vectors: Floats
    user_vectors: Callable[[Ragged], Floats]
    repeat: Floats | None = None
    transitions: TransitionTerm | None = None

    def scores(self, history: Ragged, candidates: Ragged) -> Floats:
        """See `Scorer`."""
        users = np.asarray(self.user_vectors(history), dtype=np.float32).astype(np.float64)
        row = np.repeat(np.arange(len(history)), candidates.lengths)
        items = self.item_vectors[candidates.values].astype(np.float64)
        # summed in float64 and rounded, so that equal vectors give equal scores whatever the order of the terms
        found: Floats = np.einsum("nd,nd->n", items, users[row]).astype(np.float32)
        add_to_candidates(self.repeat, history, row, candidates.values, found, self.transitions)
        return found


def one_after_the_other(users: Floats) -> Callable[[Ragged], Floats]:
    """User vectors `[n, d]` that are known, as a `DotScorer` is asked for them: in batches, in the samples' order."""
    place = 0

    def following(history: Ragged) -> Floats:
        nonlocal place
        place += len(history)
        return users[place - len(history) : place]

    return following


def catalogue_scores(scorer: Scorer, history: Ragged, n_items: int, users: Floats | None = None) -> Floats:
    """Scores of the whole catalogue `[n_rows, n_items]`.

    Args:
        users: the user vectors of a `DotScorer`, where the caller has them.
    """
    if not isinstance(scorer, DotScorer):
        asked = scorer.scores(history, whole_catalogue(len(history), n_items))
        return np.reshape(np.asarray(asked, dtype=np.float32), (len(history), n_items))
    users = scorer.user_vectors(history) if users is None else users
    found = np.asarray(users @ scorer.item_vectors.T)
    add_to_catalogue(scorer.repeat, history, found, transitions=scorer.transitions)
    return found


def whole_catalogue(rows: int, n_items: int) -> Ragged:
    """All items as the candidates of each of so many rows."""
    offsets = np.arange(rows + 1, dtype=np.int64) * n_items
    return Ragged(np.tile(np.arange(n_items, dtype=np.int32), rows), offsets)


def popularity(train_clicks: NDArray[np.int32]) -> DotScorer:
    """The same for everyone: an item's score is its clicks in training."""
    vectors = np.asarray(train_clicks, dtype=np.float32)[:, None]
    return DotScorer("popularity", vectors, lambda history: np.ones((len(history), 1), dtype=np.float32))
