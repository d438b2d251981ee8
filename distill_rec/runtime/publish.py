"""Publication: versions/N by rename, then the link `student` switched by renaming a new link over the old."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from distill_rec.runtime.errors import ArtifactError

LINK = "student"
SUFFIX = ".tmp"


@contextmanager
def new_version(export_folder: Path, keep: int) -> Iterator[Path]:
    """Yield an empty folder; when the block ends well it is the newest version and the link leads to it.

    A block that fails, or a process that is killed, leaves the old version and link as they were; what a killed
    one left half-written is removed by the next. Two processes may write at once: each gets a number of its own,
    and the link leads to the higher one.

    Args:
        keep: versions kept, the newest among them.

    Raises:
        ArtifactError: something that is no link stands where the link belongs.
    """
    versions = export_folder / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    _require_link(export_folder / LINK)
    with _locked(versions):
        _remove_stale(versions)
        temporary = Path(tempfile.mkdtemp(dir=versions, prefix=".", suffix=SUFFIX))
        alive = _lock(temporary)
    try:
        yield temporary
        temporary.chmod(0o755)  # made for its owner alone, but services of other users read it
        with _locked(versions):
            number = max(_numbers(versions), default=0) + 1
            os.rename(temporary, versions / str(number))
            _switch(export_folder, Path("versions") / str(number))
            _prune(export_folder, keep)
    finally:
        os.close(alive)
        shutil.rmtree(temporary, ignore_errors=True)


def prune(export_folder: Path, keep: int) -> None:
    """Remove all versions but the newest `keep`, and never the one that the link leads to."""
    with _locked(export_folder / "versions"):
        _prune(export_folder, keep)


def _prune(export_folder: Path, keep: int) -> None:
    versions, served = export_folder / "versions", (export_folder / LINK).resolve().name
    for old in sorted(_numbers(versions))[:-keep]:
        if str(old) != served:
            shutil.rmtree(versions / str(old), ignore_errors=True)


def rollback(export_folder: Path, to: int | None = None) -> str:
    """Switch the link to the version before the one that it leads to, or to the one named; return its number.

    Raises:
        ArtifactError: there is no link, or no such version is kept.
    """
    versions, link = export_folder / "versions", export_folder / LINK
    _require_link(link)
    if not versions.is_dir() or not link.is_symlink():
        raise ArtifactError(link, "nothing is published here", "a link to one of versions/", "Export first.")
    with _locked(versions):
        now, kept = link.resolve().name, sorted(_numbers(versions))
        fit = [number for number in kept if number == to]
        if to is None and now.isdigit():
            fit = [number for number in kept if number < int(now)]
        if not fit:
            found = f"leads to version {now}; kept: {', '.join(map(str, kept))}"
            raise ArtifactError(
                link,
                found,
                "an older version" if to is None else f"version {to} among them",
                "Name a version that is kept with --to, or export again; a larger --keep keeps more from then on.",
            )
        _switch(export_folder, Path("versions") / str(fit[-1]))
    return str(fit[-1])


def _lock(folder: Path, wait: bool = True) -> int:
    """A lock on a folder, held until the descriptor is closed or the process dies."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = _lock(folder)
    try:
        yield
    finally:
        os.close(descriptor)


def _remove_stale(versions: Path) -> None:
    """Remove half-written versions whose writer is dead: a live one holds the lock on its folder."""
    for folder in versions.glob(f".*{SUFFIX}"):
        try:
            descriptor = _lock(folder, wait=False)
        except OSError:
            continue
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _numbers(versions: Path) -> list[int]:
    return [int(path.name) for path in versions.iterdir() if path.name.isdigit()]


def _switch(export_folder: Path, target: Path) -> None:
    link = export_folder / f".{LINK}{SUFFIX}"
    link.unlink(missing_ok=True)  # of a process that was killed here
    link.symlink_to(target)
    os.replace(link, export_folder / LINK)


def _require_link(link: Path) -> None:
    if link.exists() and not link.is_symlink():
        raise ArtifactError(link, "a folder", "a link to one of versions/", "Move it away; a copy loads from anywhere.")
