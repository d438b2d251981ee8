"""`manifest.json`: what an artifact is, and the hash and size of every file in it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from distill_rec.artifact.errors import ArtifactError
from distill_rec.artifact.layout import LAYOUTS, MANIFEST, TRANSITIONS, WHOLE
from distill_rec.artifact.records import (
    EXPORT_AGAIN,
    MANIFEST_FORM,
    WITHOUT_DIMS,
    WITHOUT_REPEAT,
    WITHOUT_TRANSITIONS,
    as_json,
    require_types,
)


@dataclass(frozen=True)
class FileRecord:
    """One file: sha256 (hexadecimal) and size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """An artifact's description; the manifest and the card are the only files that `files` does not list.

    Attributes:
        kind: which reader it is for: "static", "transformer", or one that another package adds.
        dim: dimensions of item and user vectors.
        max_tokens, prefix: how texts are read.
        template: how an item's fields become its text.
        unescape_html: whether HTML entities in fields and texts are read as characters, as in training.
        user_encoder: kind, dim, max_history, layers, heads; of one that is made of others their own, as `parts`.
        projection: "linear" or "mlp".
        items: number of items in the catalogue.
        precision: the one that is loaded where none is asked for.
        precisions: the others' too, by name: the file of the item encoder and the one of the catalogue's vectors.
        removed: items that are never recommended.
        teacher: the teacher's dim, user encoder and, where it has one, repeat term, where its vectors were exported;
            else empty.
        repeat: numbers of the repeat term, by bucket (`repeat.BUCKETS`); empty where there is none.
        dims: numbers of dimensions that work alone, the first ones of the vectors, `dim` the last; empty where only it
            does.
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
    precision: str = WHOLE
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
    repeat: list[float] = field(default_factory=list)
    dims: list[int] = field(default_factory=list)
    format_version: int = WITHOUT_REPEAT

    @property
    def exported(self) -> dict[str, dict[str, str]]:
        """Files of each precision, `encoder` and `items`; what format version 1 left unsaid is filled in."""
        if self.precisions or self.kind not in LAYOUTS:
            return self.precisions
        return {self.precision: LAYOUTS[self.kind].files(WHOLE)}

    @staticmethod
    def read(folder: Path) -> Manifest:
        """Of an artifact whose files nobody is about to read.

        Raises:
            ArtifactError: see `from_json`.
        """
        where = folder / MANIFEST
        return Manifest.from_json(where.read_bytes(), where)

    @property
    def needed_version(self) -> int:
        """The format version of what it holds: a release that would leave out a term of the scores must not read it."""
        if TRANSITIONS in self.files:
            return MANIFEST_FORM.version
        if self.dims:
            return WITHOUT_TRANSITIONS
        return WITHOUT_DIMS if self.repeat or self.teacher.get("repeat") else WITHOUT_REPEAT

    def to_json(self) -> str:
        values = asdict(self)
        for name in ("repeat", "dims"):  # which older releases know nothing of
            if not values[name]:
                del values[name]
        return as_json(values, indent=2)

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
            raise ArtifactError(where, f"cannot be read: {error}", "a manifest", EXPORT_AGAIN) from error
        MANIFEST_FORM.require(version, where)
        try:
            files = {name: FileRecord(**record) for name, record in values.pop("files").items()}
            manifest = Manifest(**values, files=files, format_version=version)
        except (KeyError, TypeError, AttributeError) as error:
            raise ArtifactError(where, f"a key is missing or unknown: {error}", "a manifest", EXPORT_AGAIN) from error
        for record in (manifest, *files.values()):
            require_types(record, where)
        return manifest
