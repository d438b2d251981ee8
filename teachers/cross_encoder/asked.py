"""What a cross-encoder is trained on and asked about: candidates that were shown, or that another teacher proposes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.dataset import Dataset, Impressions, Queries, Sequences
from distill_rec.data.ragged import Ragged
from distill_rec.data.samples import histories_of_clicks
from distill_rec.data.slices import whole
from distill_rec.evaluation.scorer import DotScorer, catalogue_scores, popularity
from distill_rec.handover import require_same
from distill_rec.runtime.errors import RecipeError
from distill_rec.teacher_model import Teacher
from teachers.cross_encoder.spec import CrossEncoderSection

BLOCK_BYTES = 64 << 20


def proposer_of(section: CrossEncoderSection, dataset: Dataset) -> DotScorer:
    """Who proposes items of the catalogue.

    Raises:
        RunError: the proposer is not finished, or of other data.
        RecipeError: it has no vectors to rank a catalogue by.
    """
    if not section.proposer:
        return popularity(dataset.train_clicks)
    teacher = Teacher.load(Path(section.proposer))
    require_same(teacher.folder, "the proposer", teacher.knowledge.marks, dataset)
    if not teacher.has_vectors:
        raise RecipeError("key teacher.proposer", "a teacher of scores alone", "one that has vectors")
    return teacher.scorer("proposer")


def best_of(scorer: DotScorer, history: Ragged, top: int, n_items: int) -> NDArray[np.int32]:
    """The best items of the catalogue for each history `[n, top]`."""
    top, step = min(top, n_items), max(1, BLOCK_BYTES // (4 * n_items))
    out = np.empty((len(history), top), np.int32)
    for start in range(0, len(history), step):
        rows = np.arange(start, min(start + step, len(history)))
        scores = catalogue_scores(scorer, history.take(rows), n_items)
        out[rows] = np.argpartition(-scores, top - 1, axis=1)[:, :top]
    return out


def asked_of(section: CrossEncoderSection, dataset: Dataset, part: str, with_target: bool) -> Impressions:
    """The samples of a part with the candidates that are scored.

    Args:
        with_target: of ordered clicks, the click is among the candidates; never for a test, which it would give away.
    """
    samples = getattr(dataset, part)
    if isinstance(samples, Impressions):
        return samples
    user, time, target, history = _queries(samples, dataset.max_history)
    best = best_of(proposer_of(section, dataset), history, section.top, dataset.n_items)
    if with_target:
        missing = (best != target[:, None]).all(1)
        best[missing, -1] = target[missing]
    return Impressions(user, time, history, Ragged.from_rows(best), Ragged.from_rows(best == target[:, None], np.int8))


def _queries(
    samples: Sequences | Queries, most: int
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int32], Ragged]:
    if isinstance(samples, Queries):
        history = samples.history.take(np.arange(len(samples)))
        return np.asarray(samples.user), np.asarray(samples.time), np.asarray(samples.target), history
    user = np.repeat(samples.user, samples.items.lengths)
    return user, whole(samples.times).values, whole(samples.items).values, histories_of_clicks(samples, most)


def pairs_of(
    part: Impressions, negatives: int, pool: NDArray[np.int32] | None, generator: np.random.Generator
) -> Ragged:
    """One clicked candidate of each row, first, and `negatives` others (again from the start where there are fewer).

    Args:
        pool: draw the others here, at random; None draws them among what was shown and not clicked.
    """
    rows = []
    for shown, labels in zip(part.candidates, part.labels, strict=True):
        clicked = generator.choice(shown[labels > 0])
        others = shown[labels == 0] if pool is None else pool[generator.integers(0, len(pool), 2 * negatives)]
        others = others[others != clicked] if pool is not None else generator.permutation(others)
        rows.append(np.concatenate([[clicked], np.resize(others, negatives)]))
    return Ragged.from_rows(rows)
