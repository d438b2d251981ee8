"""Python processes of ours: they find this package, and nothing of the folder they are started in."""

from __future__ import annotations

import contextlib
import os
import resource
import sys
from pathlib import Path

PYTHON = (sys.executable, "-P")
"""How one is started: `-P`, so that a `students` or `teachers` folder of somebody else's does not hide ours."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""Where libraries look for how many threads they may have."""
COUNTS = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
"""Where launchers tell their processes how many they are, as accelerate reads it."""
NUMBERS = ("RANK", "PMI_RANK", "OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_RANK")
"""Where each is told which it is; those that it starts in turn are none of them."""
LAUNCHED = (*COUNTS, *NUMBERS, "LOCAL_RANK", "LOCAL_WORLD_SIZE")

STATUS = Path("/proc/self/status")


def environment(**more: str) -> dict[str, str]:
    """This process's environment less a launcher's, with the folder of this package on the path."""
    own = str(Path(__file__).resolve().parent.parent)
    paths = os.pathsep.join(filter(None, (own, os.environ.get("PYTHONPATH"))))
    kept = {name: value for name, value in os.environ.items() if name not in LAUNCHED}
    return {**kept, "PYTHONPATH": paths, **more}


def peak_bytes() -> int:
    """Peak of this process's resident memory, bytes."""
    with contextlib.suppress(OSError):
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def usable_threads() -> int:
    """Threads that libraries take where nobody says how many: `OMP_NUM_THREADS`, else the cores of this process."""
    asked = os.environ.get(THREADS[0], "")
    if asked.isdigit() and int(asked):
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
