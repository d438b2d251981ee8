"""Publication: versions/N by rename, then the link `student` switched by renaming a new link over the old."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LINK = "student"


@contextmanager
def new_version(export_folder: Path, keep: int) -> Iterator[Path]:
    """Yield an empty folder; when the block ends well it is the newest version and the link leads to it.

    A block that fails, or a process that is killed, leaves the old version and link as they were; what a killed
    one left half-written is removed by the next.

    Args:
        keep: versions kept, the newest among them.
    """
    versions = export_folder / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    for stale in versions.glob(".*.tmp"):
        shutil.rmtree(stale, ignore_errors=True)
    temporary = versions / f".{os.getpid()}.tmp"
    temporary.mkdir()
    try:
        yield temporary
        number = max(_numbers(versions), default=0) + 1
        os.rename(temporary, versions / str(number))
        _switch(export_folder, Path("versions") / str(number))
        for old in sorted(_numbers(versions))[:-keep]:
            shutil.rmtree(versions / str(old), ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _numbers(versions: Path) -> list[int]:
    return [int(path.name) for path in versions.iterdir() if path.name.isdigit()]


def _switch(export_folder: Path, target: Path) -> None:
    link = export_folder / f".{LINK}.{os.getpid()}.tmp"
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    os.replace(link, export_folder / LINK)
