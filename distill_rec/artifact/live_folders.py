"""Folders that are being written, each locked by its writer, so that what a dead one left can be removed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from distill_rec.artifact.whole_files import fresh_folder


def lock(folder: Path, wait: bool = True) -> int:
    """A lock on a folder, held until the descriptor is closed or the process dies.

    Raises:
        OSError: there is no such folder, or another holds it (unless `wait`).
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


@contextlib.contextmanager
def live_folder(parent: Path, prefix: str, suffix: str) -> Iterator[Path]:
    """A new hidden folder that is locked, and removed when the block ends, unless it was renamed.

    Folders of such a name whose writers are dead are removed first.
    """
    remove_dead(parent, prefix, suffix)
    temporary, descriptor = _locked_folder(parent, prefix, suffix)
    try:
        yield temporary
    finally:
        os.close(descriptor)
        shutil.rmtree(temporary, ignore_errors=True)


def remove_dead(parent: Path, prefix: str, suffix: str) -> None:
    """Remove folders whose writer is dead: a live one holds the lock on its folder."""
    for folder in parent.iterdir():
        if not (folder.name.startswith(f".{prefix}") and folder.name.endswith(suffix)):
            continue
        with contextlib.suppress(OSError):
            descriptor = lock(folder, wait=False)
            shutil.rmtree(folder, ignore_errors=True)
            os.close(descriptor)


def _locked_folder(parent: Path, prefix: str, suffix: str) -> tuple[Path, int]:
    while True:
        folder = fresh_folder(parent, suffix, prefix)
        with contextlib.suppress(FileNotFoundError):  # another writer found it before it was locked
            descriptor = lock(folder)
            if folder.exists():
                return folder, descriptor
            os.close(descriptor)
