"""Writing an artifact's files: vectors, records of hashes, and a changed catalogue as a new version."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from distill_rec.artifact.errors import ArtifactError
from distill_rec.artifact.files import Files
from distill_rec.artifact.golden import Answering, Golden
from distill_rec.artifact.item_ids import KEY, digest_of_ids
from distill_rec.artifact.layout import CARD, GOLDEN, ITEM_IDS, MANIFEST, STORED, TEXTS, UNLISTED, stored_as
from distill_rec.artifact.link import LINK, VERSIONS
from distill_rec.artifact.manifest import FileRecord, Manifest
from distill_rec.artifact.publish import new_version
from distill_rec.artifact.records import as_json
from distill_rec.artifact.stored import Floats, store
from distill_rec.artifact.tensors import header_of
from distill_rec.artifact.whole_files import sha256_file, write_bytes, writing

Load = Callable[[Path, str], Answering]
KEEP = 3
WRITTEN = 1 << 20
"""Numbers written at a time."""
TYPE_NAMES = {"fp32": "F32", "fp16": "F16", "int8": "I8"}
"""How safetensors calls the type of each precision's rows."""


class Rows(Protocol):
    """What gives float32 rows of an array `[n, dim]`, a slice at a time."""

    def __getitem__(self, rows: slice, /) -> Floats: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class SavedCatalogue:
    """What a version holds of a catalogue.

    Attributes:
        ids: of the rows of `vectors`, removed items among them.
        removed: items that are never recommended.
        texts: of the rows, where the artifact carries them.
        precision: that the vectors were loaded in.
    """

    ids: list[str]
    vectors: Rows
    removed: frozenset[str]
    texts: list[str] | None
    precision: str


def write_vectors(path: Path, vectors: Rows, precision: str) -> None:
    """Write rows `[n, dim]` as an `items*.safetensors`, a block at a time: a catalogue may be larger than memory."""
    n, dim = len(vectors), vectors[0:0].shape[1]
    arrays: dict[str, tuple[str, tuple[int, ...]]] = {"vectors": (TYPE_NAMES[precision], (n, dim))}
    if precision == "int8":  # first, because int8 rows of an odd number would leave them unaligned
        arrays = {"scales": ("F32", (n,)), **arrays}
    header, places = header_of(arrays)
    with writing(path) as file:
        file.write(header)
        file.seek(places["vectors"])
        scales = []
        for block in blocks_of(n, dim):
            part = store(vectors[block], precision)
            file.write(part.values.data)
            scales.append(part.scales)
        if precision == "int8":
            file.seek(places["scales"])
            file.writelines(part.data for part in scales if part is not None)


def blocks_of(rows: int, dim: int) -> Iterator[slice]:
    """Slices that a megabyte or a few of float32 rows `[rows, dim]` are written by."""
    size = max(1, WRITTEN // dim)
    return (slice(start, start + size) for start in range(0, rows, size))


def write_list(path: Path, values: list[str]) -> None:
    """Write ids or texts."""
    write_bytes(path, as_json(values).encode())


def record_files(folder: Path) -> dict[str, FileRecord]:
    """Hash and size of every file below a folder but the manifest and the card."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    return {name: _record(path) for name, path in names.items() if name not in UNLISTED}


def _record(path: Path) -> FileRecord:
    return FileRecord(sha256_file(path), path.stat().st_size)


def seal(manifest: Manifest, folder: Path) -> Manifest:
    """Write the manifest with the files as they are now."""
    return _written(replace(manifest, files=record_files(folder)), folder)


def _written(manifest: Manifest, folder: Path) -> Manifest:
    manifest = replace(manifest, format_version=manifest.needed_version)
    write_bytes(folder / MANIFEST, manifest.to_json().encode())
    return manifest


def save_catalogue(files: Files, catalogue: SavedCatalogue, folder: Path | None, load: Load) -> Path:
    """See `Student.save_catalogue`. Precisions finer than the loaded one are left out: its vectors are rounded.

    Args:
        load: reads a precision of the new version, to ask its golden inputs.
    """
    if folder is None:
        versions = files.folder.parent
        if versions.name != VERSIONS:
            raise ArtifactError(files.folder, "no version of an export folder", f"{VERSIONS}/N", "Give folder=.")
        folder = versions.parent
    exported = files.manifest.exported
    coarser = STORED[STORED.index(stored_as(catalogue.precision)) :]
    kept = {name: parts for name, parts in exported.items() if stored_as(name) in coarser}
    with new_version(folder, KEEP) as temporary:
        _copy_others(files, {parts["items"] for parts in exported.values()}, temporary)
        write_list(temporary / ITEM_IDS, catalogue.ids)
        if catalogue.texts is not None:
            write_list(temporary / TEXTS, catalogue.texts)
        for name, parts in kept.items():
            write_vectors(temporary / parts["items"], catalogue.vectors, stored_as(name))
        manifest = seal(_changed(files, catalogue, kept), temporary)
        if GOLDEN in files.manifest.files:
            golden = Golden.from_json(files.read(GOLDEN), files.folder / GOLDEN).without(catalogue.removed)
            golden = golden.answered(kept, lambda name: load(temporary, name))
            write_bytes(temporary / GOLDEN, golden.to_json().encode())
            files_now = manifest.files | {GOLDEN: _record(temporary / GOLDEN)}
            _written(replace(manifest, files=files_now), temporary)
    return (folder / LINK).resolve()


def _copy_others(files: Files, vectors: set[str], folder: Path) -> None:
    """What a changed catalogue leaves as it was."""
    for name in [*files.manifest.files, CARD]:
        source = files.folder / name
        if name not in vectors | {ITEM_IDS, TEXTS, GOLDEN} and source.is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / name)


def _changed(files: Files, catalogue: SavedCatalogue, kept: dict[str, dict[str, str]]) -> Manifest:
    manifest = files.manifest
    marks = manifest.fingerprints
    return replace(
        manifest,
        fingerprints=marks | {KEY: digest_of_ids(catalogue.ids)} if KEY in marks else marks,
        items=len(catalogue.ids),
        removed=sorted(catalogue.removed),
        precision=manifest.precision if manifest.precision in kept else catalogue.precision,
        precisions=kept,
        made_from=files.digest,
    )
