"""A model of scores that were made once: it ranks the samples that it was asked about, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.dataset import Dataset, Impressions, Queries
from distill_rec.data.ragged import Ragged
from distill_rec.data.scores import ListedScores
from distill_rec.evaluation.scorer import Floats
from distill_rec.runtime.errors import DataError

Samples = Queries | Impressions
Keys = NDArray[np.uint64]


class ListedScorer:
    """See `SampleScorer`. A sample is told by its user, time, history and candidates (or target), whoever took it.

    Args:
        name: what tables and errors call it.
        parts: samples with their scores, which must cover them (`covered`).
    """

    def __init__(self, name: str, parts: list[tuple[Samples, ListedScores]]) -> None:
        self.name = name
        self._tables = [scores for _, scores in parts]
        keys = [keys_of(samples, np.arange(len(samples))) for samples, _ in parts]
        found = np.concatenate([np.empty(0, np.uint64), *keys])
        self._order = np.argsort(found, kind="stable")
        self._keys = found[self._order]
        self._part = np.repeat(np.arange(len(keys)), [len(one) for one in keys])
        self._row = np.concatenate([np.empty(0, np.int64), *(np.arange(len(one)) for one in keys)])

    def scores(self, history: Ragged, candidates: Ragged) -> Floats:
        """It cannot tell a sample by its history alone."""
        raise DataError(self.name, "asked for a history without its sample", "a sample that it has scores of")

    def scores_of(self, samples: Samples, rows: NDArray[np.int64], candidates: Ragged) -> Floats:
        """See `SampleScorer`. Items without a score stand together below those with one."""
        place = self._places(samples, rows)
        out = np.empty(int(candidates.offsets[-1]), np.float32)
        owner = np.repeat(np.arange(len(rows)), candidates.lengths)
        for number, table in enumerate(self._tables):
            mine = np.flatnonzero(self._part[place] == number)
            if len(mine):
                inside = np.isin(owner, mine)
                out[inside] = _below(table.at(self._row[place[mine]], candidates.take(mine)), owner[inside], len(rows))
        return out

    def catalogue(self, samples: Samples, rows: NDArray[np.int64], n_items: int, rest: float | None = None) -> Floats:
        """Scores of the whole catalogue `[n, n_items]`.

        Args:
            rest: of items without a score; where not given they stand together below those with one.
        """
        place = self._places(samples, rows)
        out = np.full((len(rows), n_items), np.nan if rest is None else rest, np.float32)
        for number, table in enumerate(self._tables):
            mine = np.flatnonzero(self._part[place] == number)
            listed = table.take(self._row[place[mine]])
            out[np.repeat(mine, listed.items.lengths), listed.items.values] = listed.scores
        if rest is None:
            owner = np.repeat(np.arange(len(rows)), n_items)
            out = _below(out.ravel(), owner, len(rows)).reshape(out.shape)
        return out

    def _places(self, samples: Samples, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        keys = keys_of(samples, rows)
        at = np.searchsorted(self._keys, keys)
        inside = at < len(self._keys)
        known = inside & (self._keys[np.where(inside, at, 0)] == keys) if len(self._keys) else inside
        if not known.all():
            raise DataError(f"{self.name}, sample {int(rows[np.argmin(known)])}", "no scores", "a sample that has some")
        return np.asarray(self._order[at])


def _below(scores: Floats, owner: NDArray[np.int64], rows: int) -> Floats:
    """Scores with what is missing one below the least of its row."""
    least = np.full(rows, np.inf, np.float32)
    there = ~np.isnan(scores)
    np.minimum.at(least, owner[there], scores[there])
    least = np.where(np.isfinite(least), least, 0) - 1
    return np.where(there, scores, least[owner]).astype(np.float32)


def keys_of(samples: Samples, rows: NDArray[np.int64]) -> Keys:
    """A 64-bit mark of each of these samples `[n]`."""
    found = samples.history.take(rows)
    own = _unsigned(samples.target, rows) if isinstance(samples, Queries) else _digests(samples.candidates.take(rows))
    marks: Keys = np.zeros(len(rows), np.uint64)
    for part in (_unsigned(samples.user, rows), _unsigned(samples.time, rows), _digests(found), own):
        marks = _mixed(marks ^ part)
    return marks


def _unsigned(values: NDArray[Any], rows: NDArray[np.int64]) -> Keys:
    return np.asarray(values)[rows].astype(np.int64).view(np.uint64)


def _mixed(values: Keys) -> Keys:
    """The finaliser of splitmix64 (Steele et al. 2014), by which near values come to lie far apart."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _digests(rows: Ragged) -> Keys:
    """A mark of each row, its order included: a sum of its values mixed with their places, modulo 2^64."""
    lengths = rows.lengths
    place = np.arange(len(rows.values)) - np.repeat(rows.offsets[:-1], lengths)
    terms = _mixed(rows.values.astype(np.uint64) * np.uint64(1 << 20) + place.astype(np.uint64))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(terms, dtype=np.uint64)])
    return np.asarray(sums[rows.offsets[1:]] - sums[rows.offsets[:-1]])


def covered(samples: Samples, scores: ListedScores | None) -> NDArray[np.bool_]:
    """Which samples can be ranked `[n]`: of impressions those whose every candidate has a score, of queries any."""
    if scores is None:
        return np.zeros(len(samples), np.bool_)
    if isinstance(samples, Queries):
        return np.asarray(scores.items.lengths > 0)
    missing = np.isnan(scores.at(np.arange(len(samples)), samples.candidates))
    owner = np.repeat(np.arange(len(samples)), samples.candidates.lengths)
    return np.asarray((np.bincount(owner[missing], minlength=len(samples)) == 0) & (samples.candidates.lengths > 0))


def coverage(dataset: Dataset, scores: Mapping[str, ListedScores], part: str) -> tuple[int, int]:
    """Samples of a part that can be ranked, and all of them."""
    samples = getattr(dataset, part)
    found = covered(samples, scores.get(part))
    return int(found.sum()), len(found)
