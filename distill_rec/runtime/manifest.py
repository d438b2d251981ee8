"""`manifest.json`: what an artifact is, and the hash and size of every file in it."""

from __future__ import annotations

import hashlib
import json
import mmap
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from distill_rec.runtime.errors import ArtifactError
from distill_rec.runtime.link import MANIFEST as MANIFEST
from distill_rec.runtime.link import leads_to

FORMAT_VERSION = 3
OLDER_VERSIONS = (1, 2)
"""Version 1 had one precision and no golden inputs, version 2 read entities as they stand; what is new
has a default."""
CARD = "README.md"
KINDS = ("static", "transformer")
TYPES = {
    **dict.fromkeys(("kind", "prefix", "template", "precision", "made_from"), str),
    **dict.fromkeys(("dim", "max_tokens", "items"), int),
    **dict.fromkeys(("user_encoder", "precisions", "teacher", "metrics", "latency", "parity", "fingerprints"), dict),
    **dict.fromkeys(("removed", "gates"), list),
    "unescape_html": bool,
}
AGAIN = "Copy the artifact again, or export it again with `distill-rec export`."


@dataclass(frozen=True)
class FileRecord:
    """One file: sha256 (hexadecimal) and size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """An artifact's description; the manifest and the card are the only files that `files` does not list.

    Attributes:
        kind: "static" or "transformer".
        dim: dimensions of item and user vectors.
        max_tokens, prefix: how texts are read.
        template: how an item's fields become its text.
        unescape_html: whether HTML entities in fields and texts are read as characters, as in training.
        user_encoder: kind, dim, max_history, layers, heads.
        projection: "linear" or "mlp".
        items: number of items in the catalogue.
        precision: the one that is loaded where none is asked for.
        precisions: the others' too, by name: the file of the item encoder and the one of the catalogue's vectors.
        removed: items that are never recommended.
        teacher: the teacher's dim and user encoder, where its vectors were exported; else empty.
        metrics: teacher's and student's on the same test and on validation data, where the exporter had them.
        latency: of the machine that exported it.
        parity: largest difference to torch and what it was measured on, by precision.
        gates: what each gate of the export saw and allowed.
        fingerprints: of recipe and data.
        trunk: where tokens and initial weights came from.
        made_from: digest of the artifact whose catalogue was changed and saved as this one; else "".
    """

    kind: str
    dim: int
    max_tokens: int
    prefix: str
    template: str
    user_encoder: dict[str, Any]
    projection: str
    items: int
    parameters: int
    files: dict[str, FileRecord]
    precision: str = "fp32"
    precisions: dict[str, dict[str, str]] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    teacher: dict[str, Any] = field(default_factory=dict)
    latency: dict[str, Any] = field(default_factory=dict)
    gates: list[dict[str, Any]] = field(default_factory=list)
    made_from: str = ""
    unescape_html: bool = False
    metrics: dict[str, Any] = field(default_factory=dict)
    parity: dict[str, Any] = field(default_factory=dict)
    fingerprints: dict[str, Any] = field(default_factory=dict)
    trunk: dict[str, Any] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def parts(self, precision: str) -> dict[str, str]:
        """Files of a precision: `encoder` and `items`."""
        encoder = "static.safetensors" if self.kind == "static" else "item_encoder.onnx"
        return self.precisions.get(precision) or {"encoder": encoder, "items": "items.safetensors"}

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    @staticmethod
    def from_json(content: bytes, where: Path) -> Manifest:
        """Parse a manifest.

        Raises:
            ArtifactError: it is no JSON object, of another format version, or lacks a key.
        """
        try:
            values = json.loads(content)
            version = values.pop("format_version")
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise ArtifactError(where, f"cannot be read: {error}", "a manifest", AGAIN) from error
        if version not in (FORMAT_VERSION, *OLDER_VERSIONS):
            newer = isinstance(version, int) and version > FORMAT_VERSION
            do = "Install a newer distill-rec." if newer else "Export it again with this release."
            raise ArtifactError(where, f"format version {version!r}", f"version {FORMAT_VERSION}", do)
        try:
            files = {name: FileRecord(**record) for name, record in values.pop("files").items()}
            manifest = Manifest(**values, files=files)
        except (KeyError, TypeError, AttributeError) as error:
            raise ArtifactError(where, f"a key is missing or unknown: {error}", "a manifest", AGAIN) from error
        for name, kind in TYPES.items():
            if type(value := getattr(manifest, name)) is not kind:
                raise ArtifactError(where, f"{name} = {value!r}", f"a value of type {kind.__name__}", AGAIN)
        if manifest.kind not in KINDS:
            raise ArtifactError(where, f"kind {manifest.kind!r}", " or ".join(KINDS), AGAIN)
        return manifest


class Files:
    """An artifact's files, read below one real folder and checked against the manifest.

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
            raise ArtifactError(
                Path(path), "no manifest.json", "the folder of an exported student", "Name export/student of a run."
            )
        content = manifest.read_bytes()
        self.digest = hashlib.sha256(content).hexdigest()
        if digest is not None and digest.lower() != self.digest:
            do = "This is not the artifact that the digest was noted of; do not serve it."
            raise ArtifactError(manifest, f"digest {self.digest}", digest, do)
        self.manifest = Manifest.from_json(content, manifest)
        for name in self.manifest.files:
            self._path(name)

    def _path(self, name: str) -> Path:
        """Where a listed file is; refused when that is not below the folder, links followed."""
        path = (self.folder / name).resolve()
        if Path(name).is_absolute() or not path.is_relative_to(self.folder):
            raise ArtifactError(
                self.folder / MANIFEST, f"file {name!r} leads out of the artifact", "a file below it", AGAIN
            )
        return path

    def read(self, name: str) -> bytes:
        """The bytes of a file that the manifest lists, verified."""
        return bytes(self.map(name))

    def map(self, name: str) -> memoryview:
        """The same without a copy: a mapping of the file that was verified, whatever its name leads to later."""
        record = self.manifest.files.get(name)
        if record is None:
            raise ArtifactError(self.folder / name, "not listed in the manifest", "a listed file", AGAIN)
        path = self._path(name)
        try:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b"")
        except OSError as error:
            raise ArtifactError(path, f"cannot be read: {error.strerror}", "a file", AGAIN) from error
        if size != record.size:
            raise ArtifactError(path, f"{size} bytes", f"{record.size} bytes", AGAIN)
        digest = hashlib.sha256(content).hexdigest()
        if digest != record.sha256:
            raise ArtifactError(path, f"sha256 {digest[:16]}...", f"{record.sha256[:16]}...", AGAIN)
        return content
