"""The repeat term: a learned number for the score of each item that stands in the history, by how long ago.

An item's age in a history is the number of clicks since its last one: 0 for the latest click. Ages share a number
within a bucket. Training, evaluation and runtime all read histories with what is defined here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]

LAST_AGES = (0, 1, 2, 4, 8, 16)
"""The largest age of each bucket but the last, which has no end."""
BUCKETS = len(LAST_AGES) + 1
NAMES = ("0", "1", "2", "3-4", "5-8", "9-16", "17+")
"""Ages of each bucket, as people read them."""


def bucket_of(age: NDArray[Any]) -> Places:
    """The bucket of each age."""
    return np.searchsorted(LAST_AGES, age).astype(np.int64)


def repeated(items: NDArray[Any], offsets: NDArray[Any]) -> tuple[Places, Places, Places]:
    """Row, item and bucket of each distinct item of each history, by row and then by item.

    Args:
        items: histories one after the other, oldest click first.
        offsets: `[n + 1]`, where each begins.
    """
    size, items = int(items.max(initial=0)) + 1, items.astype(np.int64)
    keys = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets)) * size + items
    # Read backwards, the first click that is found of an item is its last.
    found, back = np.unique(keys[::-1], return_index=True)
    row, item = np.divmod(found, size)
    return row, item, bucket_of(np.asarray(offsets)[row + 1] - len(items) + back)


def buckets_at(items: NDArray[Any], offsets: NDArray[Any], row: NDArray[Any], asked: NDArray[Any]) -> Places:
    """The bucket of each asked item in the history of its row; `BUCKETS` where it does not stand there.

    Args:
        items, offsets: histories, as of `repeated`.
        row, asked: `[m]`.
    """
    if not len(items):
        return np.full(len(asked), BUCKETS, dtype=np.int64)
    rows, found, bucket = repeated(items, offsets)
    size = int(max(found.max(), asked.max(initial=0))) + 1
    keys, wanted = rows * size + found, row * size + asked.astype(np.int64)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, bucket[at], BUCKETS)
