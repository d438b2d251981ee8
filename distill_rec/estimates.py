"""Roughly how long stages take on two cores; an estimate is not a promise.

Orders of magnitude: a head on MovieLens-100k, on Amazon Video Games and on a made log with a guest
(`benchmarks/prepare.py --case guest --stages`), within a factor of two of what was measured there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from distill_rec.data.cautions import Caution
from distill_rec.recipe import DataSection, OptimizerSection, UserSection

TEXTS_A_SECOND = 200
"""Through a small PLM."""
SECONDS_A_CLICK = 3.3e-5
SECONDS_A_SCORE = 6e-11
"""Per click, item of the catalogue and dimension: products of matrices, which a second thread halves."""
MOST_THREADS = 2
"""That a training of this size gains from."""
BESIDE = 1.4
"""What trainings that run beside each other cost one another: they share caches and memory."""
SECONDS_A_HISTORY = 2e-4
"""Of at most 50 clicks, read to rank a target."""
SECONDS_A_RANK = 7e-9
"""Per target and item that it is ranked among."""
USUAL_EPOCHS = 20
ITEMS_OF_AN_IMPRESSION = 25
"""Of its history and candidates, that no other of the same window has: 35 in windows of 64, 21 of 256 (MIND sample)."""
TRAINING, VALIDATION, TEST = 0.7, 0.1, 0.2
"""Shares of the clicks."""


@dataclass(frozen=True)
class Sizes:
    """Rows of the inputs; zero where they are not here yet.

    Attributes:
        clicks: rows that `data.where` leaves.
        samples: what a batch is made of: windows of users' clicks, or impressions.
        heavy: users with a large part of the rows, where they could be counted cheaply; and whether rows were counted
            that do not count.
        rated: rows whose rating makes them a click, where they could be counted; None where every row may be one.
        users: who have clicks, where they could be counted.
        threads: that a training has.
        rows: that are read, where a filter may leave some out; as `clicks` where None.
        impressions: whether samples are impressions, of which a window reads its own items and not the catalogue.
    """

    clicks: int
    items: int
    samples: int
    heavy: tuple[Caution, ...] = ()
    rated: int | None = None
    users: int | None = None
    threads: int = MOST_THREADS
    rows: int | None = None
    impressions: bool = False

    @property
    def read(self) -> int:
        """Rows that the preparation reads."""
        return self.clicks if self.rows is None else self.rows

    @property
    def learned(self) -> int:
        """Clicks that are split into training, validation and test."""
        return self.clicks if self.rated is None else self.rated


def updates(optimizer: OptimizerSection, sizes: Sizes) -> float:
    """Batches until a training ends: by its limits, or by a plateau, which comes after its floor."""
    most, usual = limit_of(optimizer, sizes), max(optimizer.min_updates, USUAL_EPOCHS * per_epoch(optimizer, sizes))
    return most if optimizer.decay == "linear" else min(most, usual)


def limit_of(optimizer: OptimizerSection, sizes: Sizes) -> float:
    """Batches at most, by the limits alone."""
    each = per_epoch(optimizer, sizes)
    most = optimizer.epochs(each) * each
    return most if optimizer.max_updates is None else min(most, optimizer.max_updates)


def training_seconds(section: UserSection, optimizer: OptimizerSection, sizes: Sizes, weight: float = 1.0) -> float:
    """Of all that is stepped every batch and of the validations, over all tries; no trunk.

    Args:
        weight: of a batch, as many times what one on the clicks alone costs.
    """
    return sum(_once(section, one, sizes, weight) for one in optimizer.each_try())


def _once(section: UserSection, optimizer: OptimizerSection, sizes: Sizes, weight: float) -> float:
    done, each = updates(optimizer, sizes), per_epoch(optimizer, sizes)
    a_click = SECONDS_A_CLICK + sizes.items * section.dim * SECONDS_A_SCORE * MOST_THREADS / _gaining(sizes.threads)
    seconds = weight * done / each * sizes.learned * TRAINING * a_click
    validations = 1 + done / (optimizer.validate_every or each)
    samples = min(optimizer.validation_users, sizes.learned * VALIDATION)
    seconds += validations * samples * (SECONDS_A_HISTORY + sizes.items * SECONDS_A_RANK)
    return min(seconds, optimizer.max_seconds or seconds)


def _gaining(threads: int) -> int:
    return max(1, min(threads, MOST_THREADS))


def seconds_beside(each: Sequence[float], at_once: int) -> float:
    """Of trainings of which so many run at once, from what each takes alone with its share of the threads."""
    if at_once <= 1 or len(each) <= 1:
        return sum(each)
    return max(max(each), sum(each) / at_once) * BESIDE


def samples_of_test(data: DataSection, sizes: Sizes, max_users: int | None = None) -> float:
    """Samples of the test, at most of so many users."""
    users = sizes.users or sizes.samples
    samples = users if data.split == "leave-last-out" else sizes.learned * TEST
    return samples * min(1.0, (max_users or users) / max(users, 1))


def per_epoch(optimizer: OptimizerSection, sizes: Sizes) -> float:
    """Batches of a pass over the training data."""
    return max(1.0, sizes.samples / optimizer.batch_size)


def items_of_window(optimizer: OptimizerSection, sizes: Sizes) -> float:
    """Items that a window reads."""
    own = optimizer.window * optimizer.batch_size * ITEMS_OF_AN_IMPRESSION
    return min(own, sizes.items) if sizes.impressions else sizes.items
