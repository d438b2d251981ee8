"""Seconds and peak memory of a stage."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from distill_rec.children.peaks import children
from distill_rec.processes import peak_bytes


@dataclass
class Measured:
    """Filled in when the block ends.

    Attributes:
        peak_bytes: most resident memory of this process during the block (since the process began where the system
            cannot start its peak anew), and of the children that ran beside each other in it.
    """

    seconds: float = 0.0
    peak_bytes: int = 0


@contextlib.contextmanager
def measured() -> Iterator[Measured]:
    found = Measured()
    children.peak_bytes = 0
    # Writing 5 starts the peak (VmHWM) anew; a container may forbid it.
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    began = time.monotonic()
    try:
        yield found
    finally:
        found.seconds = round(time.monotonic() - began, 3)
        found.peak_bytes = peak_bytes() + children.peak_bytes
