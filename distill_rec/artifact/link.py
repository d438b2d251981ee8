"""Where `export/student` leads: a link to one of `versions/`, or what is left of it where a run was copied.

Object stores and zip leave links out; git and zip on some systems write a text file that holds what the link did; a
copy that follows links makes a folder of what it led to. All of these are understood, and `rollback` makes links again.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

from distill_rec.artifact.errors import ArtifactError
from distill_rec.artifact.layout import CARD, MANIFEST

LINK = "student"
VERSIONS = "versions"
NAMED = re.compile(rf"{VERSIONS}[/\\](\d+)[/\\]?\s*")
LONGEST = 64
"""Bytes of a text file that may be a link's."""


def kept(export_folder: Path) -> list[int]:
    """Numbers of the versions that are there, ascending."""
    try:
        names = os.listdir(export_folder / VERSIONS)
    except OSError:
        return []
    return sorted(int(name) for name in names if name.isdigit())


def artifact_path(path: Path) -> Path:
    """The student of a run's folder or of an export folder; any other path as it is."""
    for folder in (path / "export", path):
        if (folder / LINK).exists() or (folder / LINK).is_symlink() or kept(folder):
            return folder / LINK
    return path


def number_of(link: Path) -> int | None:
    """The version that a link, a text file or a copied folder in its place names, there or not; else None."""
    if link.is_symlink():
        name = link.resolve().name
    elif link.is_dir():
        same = _same_as(link)
        name = "" if same is None else same.name
    else:
        name = _text_of(link)
    return int(name) if name.isdigit() else None


def version_of(link: Path) -> Path | None:
    """The real folder that a path leads to, links, text files and copies understood; None where there is none."""
    if link.is_dir():
        same = None if link.is_symlink() else _same_as(link)
        lost = link.name == LINK and not (link / MANIFEST).exists() and kept(link.parent)
        return None if lost else (same or link).resolve()
    named = link.parent / VERSIONS / _text_of(link)
    return named.resolve() if named.name != VERSIONS and named.is_dir() else None


def leads_to(path: str | Path) -> Path:
    """The folder of an artifact, resolved once: a link that is switched later changes nothing.

    Raises:
        ArtifactError: versions are there, and the link to one of them is not.
    """
    place = Path(path)
    found = version_of(place)
    if found is None and place.name == LINK and kept(place.parent):
        raise lost_link(place)
    return found or place.resolve()


def lost_link(link: Path) -> ArtifactError:
    """What to do where versions are there and the link to one of them is not."""
    numbers, gone = kept(link.parent), number_of(link)
    lost = "the link is not there, as some copies leave links out" if gone is None else f"version {gone} is not there"
    if version_of(link) is not None:
        lost = f"leads to {link.resolve()}"
    found = f"{lost}; there {'is version' if len(numbers) == 1 else 'are versions'} {', '.join(map(str, numbers))}"
    return ArtifactError(link, found, f"a link to one of {VERSIONS}/", restoring(link, numbers[-1]))


def restoring(link: Path, number: int) -> str:
    """The command that makes a link to a version."""
    folder = link.parent
    run = folder.parent if folder.name == "export" else folder
    return f"Restore the link: distill-rec export {shlex.quote(str(run))} --rollback --to {number}"


def is_replaceable(link: Path) -> bool:
    """Whether a link may stand in this path's place without anything being lost."""
    if not os.path.lexists(link) or link.is_symlink():  # in this order, or a link that appears meanwhile is a folder
        return True
    if not link.is_dir():
        return bool(_text_of(link))
    same = _same_as(link)
    return same is not None and _sizes(link).items() <= _sizes(same).items()


def _text_of(path: Path) -> str:
    """The version's name that a text file holds in a link's place; "" where it is no such file."""
    try:
        content = path.read_bytes() if path.is_file() and path.stat().st_size <= LONGEST else b""
    except OSError:
        return ""
    found = NAMED.fullmatch(content.decode("utf-8", "replace"))
    return found[1] if found else ""


def _same_as(folder: Path) -> Path | None:
    """The version that a folder in a link's place is a copy of, told by the manifest: its hashes stand for all."""
    try:
        manifest = (folder / MANIFEST).read_bytes()
    except OSError:
        return None
    for number in reversed(kept(folder.parent)):
        version = folder.parent / VERSIONS / str(number)
        if (version / MANIFEST).is_file() and (version / MANIFEST).read_bytes() == manifest:
            return version
    return None


def _sizes(folder: Path) -> dict[str, int]:
    """Bytes of each file but the card, which the evaluation completes."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.stat().st_size for path in files if path != folder / CARD}
