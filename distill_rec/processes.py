"""Python processes that measure: they find this package, and nothing of the folder they are started in."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PYTHON = (sys.executable, "-P")
"""How one is started: `-P`, so that a `students` or `teachers` folder of somebody else's does not hide ours."""


def environment(**more: str) -> dict[str, str]:
    """This process's environment, with the folder of this package on the path."""
    own = str(Path(__file__).resolve().parent.parent)
    paths = os.pathsep.join(filter(None, (own, os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": paths, **more}
