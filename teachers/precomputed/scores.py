"""The scores that teach: the section's file, found for every part of the data, and what it lacks."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.dataset import Dataset, Impressions, Queries
from distill_rec.data.score_rows import ScoreFile
from distill_rec.data.scores import PARTS, ListedScores, sample_counts
from distill_rec.runtime.errors import DataError
from teachers.precomputed.spec import PrecomputedSection

log = logging.getLogger(__name__)


def file_of(section: PrecomputedSection) -> ScoreFile:
    """The section's file of scores."""
    return ScoreFile(
        path=Path(section.scores),
        key="teacher",
        item=section.item_column,
        score=section.score_column,
        sample=section.sample_column,
        user=section.user_column,
        time=section.time_column,
        rest=section.rest_column,
        unknown=section.unknown,
    )


def shares_of(section: PrecomputedSection, scores: dict[str, ListedScores], dataset: Dataset) -> dict[str, float]:
    """Share of each part's samples that have a score; what is missing is told with an example.

    Raises:
        DataError: no training sample has one.
    """
    found = {}
    for part in PARTS:
        samples = getattr(dataset, part)
        if samples is None:
            continue
        count = sample_counts(dataset)[part]
        have: NDArray[np.bool_] = scores[part].items.lengths > 0 if part in scores else np.zeros(count, np.bool_)
        found[part] = float(have.mean()) if count else 0.0
        if part == "train" and not have.any():
            raise DataError(section.scores, "no score of a training sample", "scores of some", HOW)
        if not have.all():
            user = np.asarray(samples.user)
            user = user if isinstance(samples, Queries | Impressions) else np.repeat(user, samples.items.lengths)
            first = int(np.argmin(have))
            log.warning("%s: no scores of %s of %s samples of %s, as %s-%d (user %r)",
                        section.scores, f"{np.count_nonzero(~have):,}", f"{count:,}", part, part, first,
                        dataset.users["user_id"][int(user[first])])  # fmt: skip
    return found


HOW = "See Run.samples('train') for the samples by name, user and time."
