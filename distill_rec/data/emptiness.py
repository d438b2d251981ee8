"""A part without samples is refused before anyone trains: nothing could be chosen by it, or said of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.dataset import Impressions
from distill_rec.data.parts import cut_times
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import DataError

WHY = {
    "training": "nothing could be learnt",
    "validation": "training could not stop by it",
    "test": "nothing to report",
}


def require_parts(  # noqa: PLR0913
    train: Any,
    validation: Any,
    test: Any,
    section: DataSection,
    cuts: tuple[int, int] | None,
    times: NDArray[np.int64],
) -> None:
    """Refuse a part that is empty.

    Args:
        cuts: where validation and test begin; None where no time decides it.
        times: of all rows.

    Raises:
        DataError: with what may be done.
    """
    if isinstance(validation, Impressions):
        validation = _telling(validation)
    parts = {"training": train, "validation": validation, "test": test}
    empty = [name for name, part in parts.items() if not len(part)]
    if not empty:
        return
    name = empty[0]
    found = f"empty: {WHY[name]}"
    if cuts is not None and cuts[0] == cuts[1]:
        found += f". Validation and test both begin at {_moment(cuts[0])}, as the log has few distinct times"
    raise DataError(f"the {name}", found, "samples in each part", _advice(section, cuts, times))


def _telling(impressions: Impressions) -> NDArray[np.int64]:
    """Impressions that tell one model from another: with a click and a candidate that was not clicked."""
    row = np.repeat(np.arange(len(impressions)), impressions.candidates.lengths)
    clicks = np.bincount(row, weights=impressions.labels.values, minlength=len(impressions))
    return np.flatnonzero((clicks > 0) & (clicks < impressions.candidates.lengths))


def _moment(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def _advice(section: DataSection, cuts: tuple[int, int] | None, times: NDArray[np.int64]) -> str:
    if section.split == "given":
        return "Look at the folders of the data and of data.test: the last day of training is the validation."
    if cuts is None:
        return "Each user's last click is the test, the one before it the validation: users need three clicks."
    shares = between(times, cuts[1])
    ways = ["data.split = 'leave-last-out'"] if section.read_as == "clicks" else []
    if shares is None:
        ways.append("other shares (data.test_share, data.validation_share)")
    else:
        ways.append(
            f"data.test_share = {shares[0]:g} and data.validation_share = {shares[1]:g}, which cut between times"
        )
    return f"Set {', or '.join(ways)}."


def between(times: NDArray[np.int64], cut: int) -> tuple[float, float] | None:
    """Shares of test and validation that cut at a time and at the one before it; None where none of two digits do."""
    moments = np.unique(times)
    place = int(np.searchsorted(moments, cut))
    if place < 2:
        return None
    test = np.floor(100 * (times >= cut).mean()) / 100
    validation = np.floor(100 * (times == moments[place - 1]).mean()) / 100
    if not (test > 0 and validation > 0) or cut_times(times, test, validation) != (moments[place - 1], cut):
        return None
    return float(test), float(validation)
