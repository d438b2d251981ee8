"""What a worker thread takes from its queue at once."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def drain(waiting: queue.SimpleQueue[T | None], most: int, size: Callable[[T], int] = lambda one: 1) -> list[T]:
    """What waits, at least one, until `most` is reached; empty at the end, which None marks.

    Args:
        size: what one counts towards `most`.
    """
    taken: list[T] = []
    total, one = 0, waiting.get()
    while one is not None:
        taken.append(one)
        total += size(one)
        if total >= most:
            return taken
        try:
            one = waiting.get_nowait()
        except queue.Empty:
            return taken
    if taken:  # they are answered first; the end is met at the next turn
        waiting.put(None)
    return taken
