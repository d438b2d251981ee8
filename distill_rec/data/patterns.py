"""What a pattern of a user's names: a path is a path, and only what is there by no such name is a pattern."""

from __future__ import annotations

import glob
import os
from pathlib import Path


def matching(folder: Path, pattern: str) -> list[Path]:
    """Paths below `folder` (or absolute ones) that a path or glob names, sorted.

    `run[1]/part-*.csv`: each part that is there by its very name is that, and the first one that is not begins the
    pattern. So a folder `run[1]` is read where there is one, and `run1` is where there is none.
    """
    place, parts = folder, Path(os.path.expanduser(pattern)).parts
    for number, part in enumerate(parts):
        if not os.path.lexists(place / part):
            rest = str(Path(*parts[number:]))
            return sorted(place / name for name in glob.glob(rest, root_dir=place))
        place /= part
    return [place]
