"""An artifact's files, read below one real folder and checked against the manifest."""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from distill_rec.artifact.errors import ArtifactError
from distill_rec.artifact.layout import MANIFEST
from distill_rec.artifact.link import leads_to
from distill_rec.artifact.manifest import FileRecord, Manifest
from distill_rec.artifact.records import EXPORT_AGAIN
from distill_rec.artifact.refusals import no_student


class Files:
    """The listed files of one artifact.

    The folder is resolved once: a link that is switched to a new version while this one is read changes nothing.

    Args:
        path: the artifact, or a link to it.
        digest: sha256 of the manifest, where the caller knows it; the manifest's hashes then stand for every file.

    Raises:
        ArtifactError: a file is missing, outside the folder, of another size or with another hash.
    """

    def __init__(self, path: str | Path, digest: str | None = None) -> None:
        self.folder = leads_to(path)
        manifest = self.folder / MANIFEST
        if not manifest.is_file():
            raise no_student(Path(path))
        content = manifest.read_bytes()
        self.digest = hashlib.sha256(content).hexdigest()
        if digest is not None and digest.lower() != self.digest:
            do = "This is not the artifact that the digest was noted of; do not serve it."
            raise ArtifactError(manifest, f"digest {self.digest}", digest, do)
        self.manifest = Manifest.from_json(content, manifest)
        for name in self.manifest.files:
            _place(self.folder, name)

    def read(self, name: str) -> bytes:
        """The bytes of a file that the manifest lists, verified."""
        return bytes(self.map(name))

    def map(self, name: str) -> memoryview:
        """The same without a copy: a mapping of the file that was verified, whatever its name leads to later."""
        record = self.manifest.files.get(name)
        if record is None:
            raise ArtifactError(self.folder / name, "not listed in the manifest", "a listed file", EXPORT_AGAIN)
        return _verified(self.folder, name, record)


def faults(folder: Path, records: Mapping[str, FileRecord]) -> Iterator[tuple[str, ArtifactError]]:
    """Each listed file that is not what its record says, by name.

    Args:
        folder: resolved.
    """
    for name, record in records.items():
        try:
            _verified(folder, name, record)
        except ArtifactError as error:
            yield name, error


def _place(folder: Path, name: str) -> Path:
    """Where a listed file is; refused when that is not below the folder, links followed."""
    path = (folder / name).resolve()
    if Path(name).is_absolute() or not path.is_relative_to(folder):
        raise ArtifactError(
            folder / MANIFEST, f"file {name!r} leads out of the artifact", "a file below it", EXPORT_AGAIN
        )
    return path


def _verified(folder: Path, name: str, record: FileRecord) -> memoryview:
    path = _place(folder, name)
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b"")
    except FileNotFoundError as error:
        raise ArtifactError(path, "missing", "a file", EXPORT_AGAIN) from error
    except OSError as error:
        raise ArtifactError(path, f"cannot be read: {error.strerror}", "a file", EXPORT_AGAIN) from error
    if size != record.size:
        kind = "truncated" if size < record.size else "longer than it was"
        raise ArtifactError(path, f"{kind}: {size:,} bytes", f"{record.size:,} bytes", EXPORT_AGAIN)
    digest = hashlib.sha256(content).hexdigest()
    if digest != record.sha256:
        raise ArtifactError(path, f"changed: sha256 {digest[:16]}...", f"{record.sha256[:16]}...", EXPORT_AGAIN)
    return content
