"""One pass over drawn users: every model's scores of the catalogue, for its top-10 lists and how it agrees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.dataset import Dataset, Impressions, Queries
from distill_rec.evaluation import alike
from distill_rec.evaluation.alike import AGREEMENT, TOP, Ranked
from distill_rec.evaluation.catalogue import BLOCK_BYTES
from distill_rec.evaluation.listed import ListedScorer
from distill_rec.evaluation.protocol import Samples
from distill_rec.evaluation.scorer import DotScorer, SampleScorer, Scorer, catalogue_scores, scores_at
from distill_rec.progress import Task

Floats = NDArray[np.float64]

CORRELATED = 10_000
"""Items over which scores are correlated, drawn once where the catalogue has more."""


@dataclass(frozen=True)
class Lists:
    """Of one model.

    Attributes:
        items: int64 `[n, 10]`, best first; -1 where a list is shorter.
        agreement: by measure `[n]`, with the model that it was asked to be compared with; None for that one.
    """

    items: NDArray[np.int64]
    agreement: dict[str, Floats] | None


def drawn_rows(samples: Samples, seed: int, most: int) -> NDArray[np.int64]:
    """One sample per user, of at most so many users, drawn."""
    _, first = np.unique(samples.user, return_index=True)
    return np.sort(np.random.default_rng(seed).permutation(first)[:most])


def has_lists(scorer: Scorer, samples: Samples) -> bool:
    """Whether a model can rank the catalogue for these samples; a file of an impression's scores cannot."""
    if isinstance(scorer, SampleScorer):
        return isinstance(samples, Queries) and isinstance(scorer, ListedScorer)
    return True


def unseen_scores(
    scorer: Scorer,
    samples: Samples,
    rows: NDArray[np.int64],
    n_items: int,
    users: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Scores of the whole catalogue `[n, n_items]`; -inf for what the user has seen, and what a file does not list.

    Args:
        users: as of `catalogue_scores`.
    """
    history = samples.history.take(rows)
    if isinstance(scorer, ListedScorer):
        scores = scorer.catalogue(samples, rows, n_items, -np.inf)
    else:
        scores = np.array(catalogue_scores(scorer, history, n_items, users))
    seen = samples.excluded(rows) if isinstance(samples, Queries) else history
    scores[np.repeat(np.arange(len(rows)), seen.lengths), seen.values] = -np.inf
    return scores


def lists_of(
    scorers: Mapping[str, Scorer],
    samples: Samples,
    rows: NDArray[np.int64],
    dataset: Dataset,
    *,
    beside: str = "teacher",
    seed: int = 0,
    task: Task | None = None,
) -> dict[str, Lists]:
    """The lists of every model that has some, over what each user has not seen.

    Args:
        rows: samples, as `drawn_rows` gives them.
        beside: the model that the others' agreement is with; none where it is not among them.
        seed: draws the items of the correlations where there are many.
    """
    asked = {name: one for name, one in scorers.items() if has_lists(one, samples)}
    n, n_items = len(rows), dataset.n_items
    correlated = np.arange(n_items)
    if n_items > CORRELATED:
        correlated = np.sort(np.random.default_rng(seed).choice(n_items, CORRELATED, replace=False))
    found = {name: np.full((n, TOP), -1, dtype=np.int64) for name in asked}
    agreed = _room(asked, beside, n)
    block = max(1, BLOCK_BYTES // (4 * max(n_items, 1)))
    every = samples.history.take(rows)
    users = {name: one.user_vectors(every) for name, one in asked.items() if isinstance(one, DotScorer)}
    for start in range(0, n, block):
        part = rows[start : start + block]

        def of_block(name: str, start: int = start, part: NDArray[np.int64] = part) -> list[Ranked]:
            own = users[name][start : start + len(part)] if name in users else None
            scores = unseen_scores(asked[name], samples, part, n_items, own)
            return [Ranked(one, correlated) for one in scores]

        theirs = of_block(beside) if beside in asked else None
        for name in asked:
            ours = theirs if theirs is not None and name == beside else of_block(name)
            for place, one in enumerate(ours, start):
                best = one.first[:TOP]
                found[name][place, : len(best)] = best
                if name in agreed and theirs is not None:
                    _note(agreed[name], place, alike.of_catalogue(one, theirs[place - start]))
        if task is not None:
            task.advance(len(part))
    return {name: Lists(found[name], agreed.get(name)) for name in asked}


def agreement_on_candidates(
    scorers: Mapping[str, Scorer], samples: Impressions, rows: NDArray[np.int64], beside: str = "teacher"
) -> dict[str, dict[str, Floats]]:
    """Every model's agreement on the candidates of impressions, by measure `[n]`."""
    agreed = _room(scorers, beside, len(rows))
    if not agreed:
        return {}
    candidates = samples.candidates.take(rows)
    theirs = np.asarray(scores_at(scorers[beside], samples, rows, candidates))
    for name, values in agreed.items():
        ours = np.asarray(scores_at(scorers[name], samples, rows, candidates))
        for row in range(len(rows)):
            place = slice(candidates.offsets[row], candidates.offsets[row + 1])
            _note(values, row, alike.of_candidates(ours[place], theirs[place]))
    return agreed


def _room(scorers: Mapping[str, Scorer], beside: str, n: int) -> dict[str, dict[str, Floats]]:
    others = [name for name in scorers if name != beside] if beside in scorers else []
    return {name: {measure: np.full(n, np.nan) for measure in AGREEMENT} for name in others}


def _note(values: dict[str, Floats], place: int, found: Mapping[str, float]) -> None:
    for measure, value in found.items():
        values[measure][place] = value
