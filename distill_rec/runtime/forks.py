"""What must be made anew after a fork: locks that another thread held, sessions whose threads died."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forked(Protocol):
    def after_fork(self) -> None:
        """Runs in the child, before anything else does."""


_alive: weakref.WeakSet[Forked] = weakref.WeakSet()


def watch(thing: Forked) -> None:
    """Call `thing.after_fork()` in every child for as long as the thing lives."""
    _alive.add(thing)


def _renew() -> None:
    for thing in list(_alive):
        thing.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
