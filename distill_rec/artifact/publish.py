"""Publication: versions/N by rename, then the link `student` switched by renaming a new link over the old."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from distill_rec.artifact.errors import ArtifactError
from distill_rec.artifact.link import LINK as LINK
from distill_rec.artifact.link import VERSIONS, is_replaceable, kept, lost_link, number_of, version_of
from distill_rec.artifact.live_folders import live_folder, lock
from distill_rec.artifact.whole_files import fresh_folder

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
        ArtifactError: something that is no link, and no copy of a version, stands where the link belongs.
    """
    versions = export_folder / VERSIONS
    versions.mkdir(parents=True, exist_ok=True)
    with _locked(versions):  # or another's first link appears while it is looked for
        _require_replaceable(export_folder / LINK)
    with live_folder(versions, "", SUFFIX) as temporary:
        yield temporary
        with _locked(versions):
            number = max(kept(export_folder), default=0) + 1
            os.rename(temporary, versions / str(number))
            _switch(export_folder, number)
            _prune(export_folder, keep)


def prune(export_folder: Path, keep: int) -> None:
    """Remove all versions but the newest `keep`, and never the one that the link leads to.

    Raises:
        ArtifactError: the link is lost, so that none can be told to be free.
    """
    if version_of(export_folder / LINK) is None and kept(export_folder):
        raise lost_link(export_folder / LINK)
    with _locked(export_folder / VERSIONS):
        _prune(export_folder, keep)


def _prune(export_folder: Path, keep: int) -> None:
    served = number_of(export_folder / LINK)
    for old in kept(export_folder)[:-keep]:
        if old != served:
            shutil.rmtree(export_folder / VERSIONS / str(old), ignore_errors=True)


def rollback(export_folder: Path, to: int | None = None) -> str:
    """Switch the link to the version before the one that it leads to, or to the one named; return its number.

    A link that was lost, or that came as a text file or as a copy of a version, is a link again.

    Raises:
        ArtifactError: no such version is kept, or the link is lost and none is named.
    """
    link = export_folder / LINK
    if not kept(export_folder):
        _require_replaceable(link)
        raise ArtifactError(link, "nothing is published here", "a link to one of versions/", "Export first.")
    with _locked(export_folder / VERSIONS):
        _require_replaceable(link)
        now, numbers = number_of(link), kept(export_folder)
        if to is None and now is None:
            raise lost_link(link)
        fit = [number for number in numbers if (number < (now or 0) if to is None else number == to)]
        if not fit:
            leads = "leads nowhere" if now is None else f"leads to version {now}"
            found = f"{leads}; kept: {', '.join(map(str, numbers))}"
            raise ArtifactError(
                link,
                found,
                "an older version" if to is None else f"version {to} among them",
                "Name a version that is kept with --to, or export again; a larger --keep keeps more from then on.",
            )
        _switch(export_folder, fit[-1])
    return str(fit[-1])


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = lock(folder)
    try:
        yield
    finally:
        os.close(descriptor)


def _switch(export_folder: Path, number: int) -> None:
    link = export_folder / f".{LINK}{SUFFIX}"
    link.unlink(missing_ok=True)  # of a process that was killed here
    link.symlink_to(Path(VERSIONS) / str(number))
    with _out_of_the_way(export_folder / LINK):
        os.replace(link, export_folder / LINK)


@contextmanager
def _out_of_the_way(place: Path) -> Iterator[None]:
    """A folder cannot be replaced by a link: one that is a copy of a version goes."""
    if place.is_symlink() or not place.is_dir():
        yield
        return
    aside = fresh_folder(place.parent, SUFFIX)
    os.replace(place, aside)
    yield
    shutil.rmtree(aside, ignore_errors=True)


def _require_replaceable(link: Path) -> None:
    if not is_replaceable(link):
        found = "a folder" if link.is_dir() else "a file"
        raise ArtifactError(link, found, "a link to one of versions/", "Move it away; a copy loads from anywhere.")
