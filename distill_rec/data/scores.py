"""Scores that were made once, elsewhere or by a model too slow to be asked again: of samples, for some items each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.dataset import Dataset, Sequences
from distill_rec.data.ragged import Ragged
from distill_rec.files import read_array, write_array
from distill_rec.runtime.errors import RunError

PARTS = ("train", "validation", "test", "test_new")
"""Parts of a data set whose samples may have scores."""


def sample_counts(dataset: Dataset) -> dict[str, int]:
    """Samples of each part: impressions, queries, or the training clicks of a log, each with what came before it."""
    found = {part: getattr(dataset, part) for part in PARTS}
    return {
        part: int(samples.items.lengths.sum()) if isinstance(samples, Sequences) else len(samples)
        for part, samples in found.items()
        if samples is not None
    }


@dataclass(frozen=True)
class ListedScores:
    """Scores of one part's samples; row r is of sample r (of a log's training clicks: of click r, user after user).

    Attributes:
        items: rows of int32 items, ascending, each once; a sample without scores has an empty row.
        scores: float32, aligned with `items.values`.
        rest: float32 `[n_samples]`, log of the sum of exp(score) over all items that are not listed; NaN where it is
            not known.
    """

    items: Ragged
    scores: NDArray[np.float32]
    rest: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.items)

    @staticmethod
    def of(
        row: NDArray[np.int64],
        item: NDArray[np.int64],
        score: NDArray[np.float32],
        samples: int,
        rest: NDArray[np.float32] | None = None,
    ) -> ListedScores:
        """From one entry a score, in any order, no (sample, item) twice."""
        order = np.lexsort((item, row))
        counts = np.bincount(row, minlength=samples)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        rest = np.full(samples, np.nan, np.float32) if rest is None else rest
        return ListedScores(Ragged(item[order].astype(np.int32), offsets), score[order].astype(np.float32), rest)

    def take(self, rows: NDArray[np.int64]) -> ListedScores:
        """The given samples, in the given order."""
        scores = Ragged(self.scores, self.items.offsets).take(rows).values
        return ListedScores(self.items.take(rows), scores, np.asarray(self.rest[rows]))

    def at(self, rows: NDArray[np.int64], candidates: Ragged) -> NDArray[np.float32]:
        """Scores of each given sample's candidates, one row after the other; NaN where there is none.

        Args:
            candidates: as many rows of items.
        """
        mine = self.take(rows)
        width = 1 + max(int(mine.items.values.max(initial=0)), int(candidates.values.max(initial=0)))
        number = np.arange(len(rows), dtype=np.int64)
        listed = np.repeat(number * width, mine.items.lengths) + mine.items.values
        asked = np.repeat(number * width, candidates.lengths) + candidates.values
        place = np.searchsorted(listed, asked)
        out = np.full(len(asked), np.nan, np.float32)
        inside = np.flatnonzero(place < len(listed))
        hit = inside[listed[place[inside]] == asked[inside]]
        out[hit] = mine.scores[place[hit]]
        return out

    def write(self, folder: Path, part: str) -> None:
        self.items.write(folder, f"{part}.items")
        write_array(folder / f"{part}.scores.npy", self.scores)
        write_array(folder / f"{part}.rest.npy", self.rest)

    @staticmethod
    def read(folder: Path, part: str, samples: int, n_items: int) -> ListedScores:
        """Read memory-mapped.

        Args:
            samples: of the part. n_items: of the catalogue.

        Raises:
            RunError: a file is missing, or its shape or content does not fit the others.
        """
        try:
            items = Ragged.read(folder, f"{part}.items")
            found = ListedScores(items, *(read_array(folder / f"{part}.{name}.npy") for name in ("scores", "rest")))
        except (OSError, ValueError) as error:
            raise RunError(folder, f"scores of {part} cannot be read: {error}", "", DO) from error
        _require_fitting(found, folder, part, samples, n_items)
        return found


DO = "Teach again with --restart teach."


def _require_fitting(found: ListedScores, folder: Path, part: str, samples: int, n_items: int) -> None:
    """Shapes and items; a damaged file must not become a wrong lesson."""
    shape = len(found), len(found.rest), int(found.items.offsets[-1]), len(found.scores)
    entries = len(found.items.values)
    if shape != (samples, samples, entries, entries):
        what = f"scores of {part}: {shape[0]} rows, {shape[1]} of the rest, {shape[2]} of {entries} items, {shape[3]}"
        raise RunError(folder, f"{what} scores", f"{samples} samples, and as many scores as items", DO)
    worst = int(found.items.values.max(initial=0)), int(found.items.values.min(initial=0))
    if entries and (worst[0] >= n_items or worst[1] < 0):
        raise RunError(folder, f"scores of {part} name item {worst[0]}", f"items 0 to {n_items - 1}", DO)
    if not np.isfinite(found.scores).all():
        raise RunError(folder, f"scores of {part} that are not finite", "finite scores", DO)


def top_of(scores: NDArray[np.float32], most: int) -> ListedScores:
    """The `most` best items of each row of whole-catalogue scores `[n_samples, n_items]`, and the mass of the rest."""
    n, n_items = scores.shape
    most = min(most, n_items)
    best = np.argpartition(-scores, most - 1, axis=1)[:, :most]
    others = scores.astype(np.float64)
    np.put_along_axis(others, best, -np.inf, axis=1)
    rest = np.full(n, -np.inf) if most == n_items else np.logaddexp.reduce(others, axis=1)
    row = np.repeat(np.arange(n), most)
    listed = np.take_along_axis(scores, best, axis=1).ravel()
    return ListedScores.of(row, best.ravel().astype(np.int64), listed, n, rest.astype(np.float32))
