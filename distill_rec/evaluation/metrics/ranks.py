"""Where samples stand: the target among the catalogue, or every candidate among those of its impression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill_rec.evaluation.metrics.ties import Counts
from distill_rec.runtime.errors import DataError


@dataclass(frozen=True)
class TargetRanks:
    """One target per sample, ranked among the catalogue without what its user had seen.

    Attributes:
        greater: `[n]` candidates with a higher score.
        ties: `[n]` other candidates with the same score.
        candidates: `[n]` candidates, the target included.
    """

    greater: Counts
    ties: Counts
    candidates: Counts

    @property
    def group(self) -> Counts:
        return self.ties + 1


@dataclass(frozen=True)
class ImpressionRanks:
    """All candidates of all impressions, flat.

    Attributes:
        row: `[n_shown]` the impression of each candidate, ascending.
        greater: `[n_shown]` candidates of the same impression with a higher score.
        group: `[n_shown]` candidates of the same impression with the same score, itself included.
        clicked: bool `[n_shown]`.
        shown: `[n]` candidates of each impression.
    """

    row: Counts
    greater: Counts
    group: Counts
    clicked: NDArray[np.bool_]
    shown: Counts

    @property
    def clicks(self) -> Counts:
        """`[n]` clicks of each impression."""
        return np.bincount(self.row[self.clicked], minlength=len(self.shown)).astype(np.int64)

    def sum_clicked(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum over the clicked candidates of each impression, `[n]`; `values` is `[n_shown]`."""
        chosen = self.clicked
        total = np.bincount(self.row[chosen], weights=values[chosen], minlength=len(self.shown))
        return np.asarray(total, dtype=np.float64)


def rank_impressions(
    scores: NDArray[np.floating], labels: NDArray[np.integer], offsets: NDArray[np.int64], model: str = "scores"
) -> ImpressionRanks:
    """Rank the candidates of each impression by score, the highest first.

    Args:
        scores: flat `[n_shown]`.
        labels: flat `[n_shown]`, 1 = clicked.
        offsets: `[n + 1]`; impression r holds `offsets[r]:offsets[r + 1]`.
        model: what an error calls the source of the scores.

    Raises:
        DataError: a score is not finite.
    """
    shown = np.diff(offsets)
    row = np.repeat(np.arange(len(shown)), shown)
    bad = ~np.isfinite(scores)
    if bad.any():
        first = int(np.argmax(bad))
        raise DataError(
            f"{model}, impression {row[first]}, candidate {first - offsets[row[first]]}",
            f"a score of {scores[first]}",
            "finite scores",
            "Look for a loss that diverged or a damaged weight file.",
        )
    order = _best_first(scores, row)
    ordered, ordered_row = scores[order], row[order]
    starts = np.ones(len(order), dtype=bool)
    starts[1:] = (ordered[1:] != ordered[:-1]) | (ordered_row[1:] != ordered_row[:-1])
    first_of_group = np.flatnonzero(starts)
    group_of = np.cumsum(starts) - 1
    sizes = np.diff(np.append(first_of_group, len(order)))
    greater, group = np.empty(len(order), dtype=np.int64), np.empty(len(order), dtype=np.int64)
    greater[order] = first_of_group[group_of] - offsets[:-1][ordered_row]
    group[order] = sizes[group_of]
    return ImpressionRanks(row, greater, group, np.asarray(labels) > 0, shown)


def _best_first(scores: NDArray[np.floating], row: Counts) -> Counts:
    """Places by row, in each the highest score first, equal ones in any order.

    Row and float32 score make one integer, whose sort takes a fifteenth of one by two keys.
    """
    if scores.dtype != np.float32:
        return np.asarray(np.lexsort((-scores, row)))
    bits = (np.float32(0) - scores).view(np.int32).astype(np.int64)  # less from 0, so that -0 ties with 0
    falling = np.where(bits < 0, bits ^ 0x7FFFFFFF, bits)  # the bits of a negative float fall as it rises
    return np.argsort((row.astype(np.int64) << 32) + falling)
