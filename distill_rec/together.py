"""Trainings in which every launched process has a part: the first announces each, the others follow.

All else, as reading the data, choosing among tries, writing and evaluating, is done by the first alone, and is
written as where there is one process.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from distill_rec.ranks import ALONE, Ranks, launched
from distill_rec.registry import Late
from distill_rec.runtime.errors import RunError, TrainingError


@contextlib.contextmanager
def leading(ranks: Ranks) -> Iterator[None]:
    """The first process's command: while it runs, the others follow; when it ends, they are told."""
    if ranks.count == 1:
        yield
        return
    ranks.led = True
    try:
        yield
    except Exception:
        if not ranks.broken:  # else they are told by the connection that closes, as where a user interrupts all
            with contextlib.suppress(RunError):
                ranks.same({"failed": True})
        raise
    finally:
        ranks.led = False
    ranks.same({"failed": False})


@contextlib.contextmanager
def joint(call: str, data: Path | None, arguments: Callable[[], dict[str, Any]]) -> Iterator[Ranks]:
    """Those who train together with this process: all that were launched where it leads them, else it alone.

    Args:
        call: "module:function" that the others run, with the arguments, `data` and `ranks`.
        data: folder of the prepared data; None where they lie in this process alone, which then trains alone.
        arguments: JSON.
    """
    ranks = _led()
    if ranks is None or data is None:
        yield ALONE
        return
    ranks.same({"call": call, "arguments": {"data": str(data), **arguments()}})
    try:
        yield ranks
    except TrainingError:  # which all of them raise, at the same place
        raise
    except BaseException:
        ranks.broken = True
        raise


def _led() -> Ranks | None:
    """The processes that follow this one."""
    ranks = launched()
    return ranks if ranks.led and ranks.first else None


def follow(ranks: Ranks) -> None:
    """Have a part in every training that the first process announces, until its command ends.

    Raises:
        RunError: it failed, or is gone.
    """
    logging.getLogger("distill_rec").setLevel(logging.ERROR)  # the first process says the same
    told: dict[str, Any] = {}
    while "call" in (told := ranks.same(told)):
        ranks.led = True
        # The first one raises it too, and says so, or goes on with another try.
        with contextlib.suppress(TrainingError):
            Late[Callable[..., None]](told["call"]).get()(**told["arguments"], ranks=ranks)
        ranks.led = False
    if told["failed"]:
        where = f"process {ranks.rank + 1} of {ranks.count}"
        raise RunError(where, "the first process failed, and says why")
