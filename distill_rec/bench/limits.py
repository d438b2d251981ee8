"""What the machine reaches with nothing but a read, or nothing but a product; measured beside the cases."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from distill_rec.bench.results import Limits
from distill_rec.bench.timing import interleave

Floats = NDArray[np.float32]
STREAM = 1 << 28
"""Bytes of the array that is read: more than a core's share of any cache."""

SQUARE = 1024
ROWS = 4096
"""Of a catalogue's block in a product with a batch of users."""


def measure_limits(threads: int, dim: int, items: list[int], batches: list[int], seconds: float) -> Limits:
    """Rates of the best call: a limit is what was reached once, not what a disturbed machine does.

    Args:
        threads: as this process was started with; only noted.
        items: sizes of catalogues.
        batches: users of a product.
    """
    arrays = [np.ones(STREAM // 4, dtype=np.float32), *(np.ones(n * dim, dtype=np.float32) for n in items)]
    square = np.ones((SQUARE, SQUARE), dtype=np.float32)
    block = np.ones((ROWS, dim), dtype=np.float32)
    users = [np.ones((dim, batch), dtype=np.float32) for batch in batches]
    calls = [_read(array) for array in arrays] + [_product(square, square)] + [_product(block, one) for one in users]
    times = interleave([lambda _, call=call: call() for call in calls], 3, seconds)  # type: ignore[misc]
    best = [min(one.seconds) for one in times]
    read = [array.nbytes / second / 1e9 for array, second in zip(arrays, best[: len(arrays)], strict=True)]
    product_of = {
        batch: 2 * ROWS * dim * batch / second / 1e9
        for batch, second in zip(batches, best[len(arrays) + 1 :], strict=True)
    }
    return Limits(
        threads=threads,
        read_gb_s=read[0],
        read_of=dict(zip(items, read[1:], strict=True)),
        product_gflop_s=2 * SQUARE**3 / best[len(arrays)] / 1e9,
        product_of=product_of,
    )


def _read(array: Floats) -> Callable[[], object]:
    # A dot product with itself reads every number once and computes next to nothing.
    return lambda: np.dot(array, array)


def _product(left: Floats, right: Floats) -> Callable[[], object]:
    out = np.empty((len(left), right.shape[1]), dtype=np.float32)
    return lambda: np.matmul(left, right, out=out)
