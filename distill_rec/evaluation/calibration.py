"""Whether predicted probabilities of a click are true to life: a reliability table, and the expected error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, log_loss

from distill_rec.evaluation.bootstrap import interval, resampled_means
from distill_rec.evaluation.results import Calibration, ReliabilityBin

Floats = NDArray[np.float64]

BINS = 10


def calibration_of(
    probability: Floats, clicked: NDArray[np.bool_], user: NDArray[np.int64], *, resamples: int, seed: int
) -> Calibration:
    """Bins of about as many candidates each, by predicted probability; equal predictions stay together.

    The expected calibration error is the mean over candidates of their bin's distance between prediction and clicks
    (Naeini et al. 2015, with bins of equal size). Intervals are of a bootstrap over users.

    Args:
        probability: of a click, `[n]`. clicked: `[n]`. user: of each candidate's impression, `[n]`.
    """
    edges = np.unique(np.quantile(probability, np.arange(1, BINS) / BINS))
    number = np.searchsorted(edges, probability)
    used, number = np.unique(number, return_inverse=True)
    counts = np.bincount(number)
    predicted, rate = (np.bincount(number, weights=one) / counts for one in (probability, clicked))
    spans = _rates(number, len(used), clicked, user, resamples, seed)
    bins = [
        ReliabilityBin(
            predicted=float(predicted[place]),
            clicked=float(rate[place]),
            low=low,
            high=high,
            candidates=int(counts[place]),
        )
        for place, (low, high) in enumerate(spans)
    ]
    return Calibration(
        bins=bins,
        error=float(np.average(np.abs(predicted - rate), weights=counts)),
        brier=float(brier_score_loss(clicked, probability)),
        log_loss=float(log_loss(clicked, probability, labels=[False, True])),
        predicted=float(probability.mean()),
        clicked=float(clicked.mean()),
    )


def _rates(  # noqa: PLR0913
    number: NDArray[np.int64],
    bins: int,
    clicked: NDArray[np.bool_],
    user: NDArray[np.int64],
    resamples: int,
    seed: int,
) -> Sequence[tuple[float, float]]:
    """The interval of each bin's share of clicked candidates: a user's candidates are drawn together."""
    users, row = np.unique(user, return_inverse=True)
    place = row * bins + number
    sums = [np.bincount(place, weights=one, minlength=len(users) * bins) for one in (clicked, np.ones(len(clicked)))]
    columns = np.hstack([one.astype(np.float64).reshape(len(users), bins) for one in sums])
    drawn = resampled_means(columns, resamples, seed)
    with np.errstate(invalid="ignore", divide="ignore"):  # a draw may have nobody of a bin
        rates = np.where(drawn[:, bins:] > 0, drawn[:, :bins] / drawn[:, bins:], np.nan)
    return [(max(0.0, low), high) for low, high in (interval(one) for one in rates.T)]
