"""Mean reciprocal rank, under its two meanings: of the first hit, and MIND's mean over all clicks."""

from __future__ import annotations

import numpy as np

from distill_rec.evaluation.metrics.ranks import ImpressionRanks, TargetRanks
from distill_rec.evaluation.metrics.ties import Floats, expected, reciprocals


def mrr(ranks: TargetRanks) -> Floats:
    """`[n]` reciprocal rank of one target each (where there is one click, both meanings agree)."""
    longest = int((ranks.greater + ranks.group).max(initial=1))
    return expected(reciprocals(longest), ranks.greater, ranks.group)


def mrr_mind(ranks: ImpressionRanks) -> Floats:
    """`[n]` mean of 1/rank over the clicks, as MIND's evaluation script does; NaN without a click."""
    longest = int(ranks.shown.max(initial=1))
    total = ranks.sum_clicked(expected(reciprocals(longest), ranks.greater, ranks.group))
    values: Floats = np.divide(total, ranks.clicks, out=np.full(len(total), np.nan), where=ranks.clicks > 0)
    return values


def mrr_first_hit(ranks: ImpressionRanks) -> Floats:
    """`[n]` 1/rank of the first click, in expectation over ties; NaN without a click.

    Of the group of tied scores that holds the first click, with t candidates and c clicks, the first click
    stands at place j with probability C(t - j, c - 1) / C(t, c).
    """
    n = len(ranks.shown)
    rows, greater, group = ranks.row[ranks.clicked], ranks.greater[ranks.clicked], ranks.group[ranks.clicked]
    best = np.full(n, np.iinfo(np.int64).max)
    np.minimum.at(best, rows, greater)
    in_best = greater == best[rows]
    clicks = np.bincount(rows[in_best], minlength=n)
    size = np.zeros(n, dtype=np.int64)
    size[rows[in_best]] = group[in_best]
    out = np.where(clicks > 0, 1.0 / (best + 1.0), np.nan)
    for row in np.flatnonzero(size > clicks):  # only where the first click is tied with others
        out[row] = _expected_first(int(best[row]), int(size[row]), int(clicks[row]))
    return out


def _expected_first(greater: int, group: int, clicks: int) -> float:
    chance, total = clicks / group, 0.0
    for place in range(1, group - clicks + 2):
        total += chance / (greater + place)
        # P(place + 1) / P(place): the next candidate was free of clicks and one place fewer is left
        chance *= (group - place - clicks + 1) / max(group - place, 1)
    return total
