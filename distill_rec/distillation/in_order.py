"""In which order a student learns from the states that its teachers were in, from easy to hard.

HetComp (Kang et al. 2023, arXiv 2303.01130, section 4.2): what teachers of different natures know in the end is hard to
learn at once, and the states that their training went through lead there. The student is taught by one state after the
other. By `agreement` the next begins as HetComp's dynamic knowledge construction has it: as soon as the student's
distance from that has fallen by a factor since the one before it began, or grows. There each user and each teacher has
a place of its own in the order and lists are compared by nDCG; here all go together, the distance is 1 - RBO of the
first 100 items, its mean over validation samples, and a state has its equal share of the schedule at most, so that the
teachers themselves come in time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.dataset import Impressions, Queries
from distill_rec.data.ragged import Ragged
from distill_rec.evaluation.alike import DEPTH, Items, first_of, rbo
from distill_rec.evaluation.protocol import Samples
from distill_rec.evaluation.scorer import DotScorer, catalogue_scores
from distill_rec.knowledge import Knowledge
from distill_rec.nn.recommender import user_vectors
from distill_rec.sections.order import OrderSection

MOST_SAMPLES = 500
"""Validation samples whose lists are compared, spread over all."""
AT_ONCE = 100
STATE = "state"
"""Figure of a validation: number, from 1, of the state that taught up to then."""


class InOrder:
    """Which state of the teachers teaches, by how far the training is and by its validations so far.

    Args:
        knowledge: the teachers' own, with states on the way beside it.

    Attributes:
        at: number of the state that teaches, from 0; the last is the teachers' own.
    """

    def __init__(self, section: OrderSection, knowledge: Knowledge) -> None:
        self.section, self.knowledge, self.at = section, knowledge, 0
        self._reached = 0
        self._lists: list[list[Items]] = []

    @property
    def earlier(self) -> int:
        """States on the way."""
        return self.knowledge.earlier

    def proceed(self, progress: float) -> int:
        """Number of the state that teaches from now on."""
        self.at = max(self._reached, self.section.latest(progress, self.earlier))
        return self.at

    def state(self, number: int) -> Knowledge:
        """What the teachers knew then."""
        return self.knowledge.at(number, self.earlier)

    def judged(self, scorer: DotScorer, samples: Samples) -> dict[str, float]:
        """The state that teaches, and by agreement how alike the student and each state rank (`agreement.2`: RBO)."""
        figures = {STATE: self.at + 1.0}
        if self.section.by == "share":
            return figures
        rows = np.unique(np.linspace(0, len(samples) - 1, min(len(samples), MOST_SAMPLES)).astype(np.int64))
        drawn = samples.take(rows)
        if not self._lists:
            states = [self.state(number) for number in range(self.earlier + 1)]
            self._lists = [lists_of(_scorer(one), drawn, one.knows) for one in states]
        own = lists_of(scorer, drawn, self.knowledge.knows)
        for number, theirs in enumerate(self._lists, 1):
            each = np.array([rbo(mine, other) for mine, other in zip(own, theirs, strict=True)])
            known = each[~np.isnan(each)]
            figures[f"agreement.{number}"] = float(known.mean()) if len(known) else 0.0
        return figures

    def recall(self, history: Sequence[Mapping[str, float]]) -> None:
        """See `Objective.recall`."""
        if self.section.by == "agreement":
            self._reached = reached(history, self.earlier, self.section.gain)


def reached(history: Sequence[Mapping[str, float]], earlier: int, gain: float) -> int:
    """Number of the state that the student has come to by agreement, from the records of its validations.

    Args:
        earlier: states before the last, at which it stays.
        gain: see `OrderSection`.
    """
    state, first = 0, None
    for record in history:
        if record[STATE] - 1 > state:  # by its share of the schedule
            state, first = int(record[STATE]) - 1, None
        if state >= earlier:
            return earlier
        now = 1 - record[f"agreement.{state + 2}"]
        if first is None:
            first = now
        elif now > first or first >= gain * now:
            state, first = state + 1, None
            if state < earlier:
                first = 1 - record[f"agreement.{state + 2}"]
    return state


def lists_of(scorer: DotScorer, samples: Samples, knows: NDArray[np.bool_] | None) -> list[Items]:
    """The first items of each sample's ranking, without those of its history; of an impression those shown.

    Args:
        knows: bool `[n_items]`, items that are ranked; all where not given.
    """
    if not isinstance(samples, Queries):
        return _of_impressions(scorer, samples, knows)
    starts = range(0, len(samples), AT_ONCE)
    parts = [samples.history.take(np.arange(start, min(start + AT_ONCE, len(samples)))) for start in starts]
    return [one for history in parts for one in _of_catalogue(scorer, history, knows)]


def _of_catalogue(scorer: DotScorer, history: Ragged, knows: NDArray[np.bool_] | None) -> list[Items]:
    scores = np.array(catalogue_scores(scorer, history, len(scorer.item_vectors)))
    scores[np.repeat(np.arange(len(history)), history.lengths), history.values] = -np.inf
    if knows is not None:
        scores[:, ~np.asarray(knows)] = -np.inf
    return [first_of(row, DEPTH) for row in scores]


def _of_impressions(scorer: DotScorer, samples: Impressions, knows: NDArray[np.bool_] | None) -> list[Items]:
    rows = np.arange(len(samples))
    candidates = samples.candidates.take(rows)
    scores = np.array(scorer.scores(samples.history.take(rows), candidates))
    if knows is not None:
        scores[~np.asarray(knows)[candidates.values]] = -np.inf
    return [first_of(row, DEPTH) for row in np.split(scores, np.asarray(candidates.offsets)[1:-1])]


def _scorer(knowledge: Knowledge) -> DotScorer:
    items, encoder = np.asarray(knowledge.item_vectors), knowledge.user_encoder
    return DotScorer(STATE, items, lambda history: user_vectors(encoder, history, items), knowledge.repeat)
