"""Models of elsewhere, by files of their scores or ranked lists: columns of the same protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from distill_rec.data.dataset import Dataset, Queries
from distill_rec.data.score_file import read_scores
from distill_rec.data.score_rows import ScoreFile
from distill_rec.data.scores import ListedScores
from distill_rec.evaluation.listed import ListedScorer, covered
from distill_rec.evaluation.protocol import Samples
from distill_rec.runtime.errors import DataError
from distill_rec.sections.evaluation import OtherSection

Floats = NDArray[np.float64]

KEY = "evaluate.others"


@dataclass(frozen=True)
class Others:
    """Models of elsewhere.

    Attributes:
        scorers: a column each.
        remarks: sentences on what the files lack.
        probabilities: of those whose scores say it, the predicted probability of a click for each candidate of the
            test's impressions, one impression after the other; NaN where the file has none.
    """

    scorers: dict[str, ListedScorer]
    remarks: list[str]
    probabilities: dict[str, Floats]


def others_of(others: Sequence[OtherSection], dataset: Dataset, parts: Sequence[str]) -> Others:
    """A column for each, and a sentence on what its file lacks.

    A sample without a row ranks at random: all its items tie. So do a sample's items without a row, below the others.

    Args:
        parts: of the data that models are compared on.

    Raises:
        DataError: a file cannot be used, by row and column, or has nothing of the test.
    """
    scorers: dict[str, ListedScorer] = {}
    remarks, probabilities = [], {}
    for other in others:
        scores, skipped = read_scores(file_of(other), dataset, parts)
        remarks += [_missing(other, dataset, scores, part) for part in parts]
        remarks += [f"{other.name}: {n:,} rows of an unknown {what} were left out." for what, n in skipped.items()]
        every = [(getattr(dataset, part), scores.get(part) or _none(len(getattr(dataset, part)))) for part in parts]
        scorers[other.name] = ListedScorer(other.name, every)
        if other.score_is != "order":
            probabilities[other.name] = _probabilities(other, dataset.test, scores["test"])
    return Others(scorers, [remark for remark in remarks if remark], probabilities)


def _probabilities(other: OtherSection, samples: Samples, scores: ListedScores) -> Floats:
    """Of each candidate of the test, from a score that is one or its logit."""
    if isinstance(samples, Queries):
        found = f"{other.score_is!r}, and the test's clicks have no candidates that were not clicked"
        raise DataError(f"key {KEY}.score_is", found, "'order'")
    found_scores = scores.at(np.arange(len(samples)), samples.candidates).astype(np.float64)
    if other.score_is == "logit":
        return np.asarray(expit(found_scores))
    outside = (found_scores < 0) | (found_scores > 1)
    if outside.any():
        worst = found_scores[outside][0]
        do = f"Set {KEY}.score_is = 'logit' where that is what they are."
        raise DataError(other.path, f"a score of {worst:g}", "probabilities, 0 to 1", do)
    return found_scores


def file_of(other: OtherSection) -> ScoreFile:
    """The file of a section."""
    return ScoreFile(
        path=Path(other.path),
        key=KEY,
        item=other.item_column,
        score=other.score_column,
        rank=other.rank_column,
        sample=other.sample_column,
        user=other.user_column,
        time=other.time_column,
        unknown=other.unknown,
    )


def _none(samples: int) -> ListedScores:
    nothing = np.empty(0, np.int64)
    return ListedScores.of(nothing, nothing, np.empty(0, np.float32), samples)


def _missing(other: OtherSection, dataset: Dataset, scores: Mapping[str, ListedScores], part: str) -> str:
    """What the file lacks of a part, in words; "" where it lacks nothing."""
    samples, found = getattr(dataset, part), scores.get(part)
    have = np.zeros(len(samples), np.bool_) if found is None else np.asarray(found.items.lengths > 0)
    if part == "test" and len(samples) and not have.any():
        raise DataError(
            other.path,
            "no row of a test sample",
            f"rows of the users (or samples) that are tested, as {dataset.users['user_id'][int(samples.user[0])]!r}",
            "Run.samples('test') has the test's samples by name, user and time.",
        )
    users, lacking = np.unique(samples.user), np.setdiff1d(samples.user, samples.user[have])
    told = []
    if not have.all():
        told.append(
            f"nothing for {int((~have).sum()):,} of {len(samples):,} samples ({len(lacking):,} of {len(users):,} "
            "users have none at all), where it ranks at random"
        )
    longest = 0 if found is None else int(found.items.lengths.max(initial=0))
    if isinstance(samples, Queries) and 0 < longest < dataset.n_items:
        told.append(
            f"at most {longest:,} of {dataset.n_items:,} items per sample, the others below them in a tie: its rank "
            "percentile and correlations of scores are those of the cut lists"
        )
    some = have & ~covered(samples, found) if not isinstance(samples, Queries) else np.zeros(0, np.bool_)
    if some.any():
        told.append(f"not all candidates of {int(some.sum()):,} impressions, the others below them in a tie")
    return f"{other.name} has {'; '.join(told)} ({part})." if told else ""
