"""Writing a changed catalogue as a new version, and vectors for other tools."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

import numpy as np

from distill_rec.runtime.catalogue import Catalogue
from distill_rec.runtime.errors import ArtifactError, DataError
from distill_rec.runtime.golden import GOLDEN, Answering, answers
from distill_rec.runtime.item_ids import KEY, digest_of_ids
from distill_rec.runtime.loading import TEXTS
from distill_rec.runtime.manifest import CARD, FORMAT_VERSION, MANIFEST, FileRecord, Files
from distill_rec.runtime.projection import Floats
from distill_rec.runtime.publish import new_version
from distill_rec.runtime.tensors import header_of
from distill_rec.runtime.topk import RowSource
from distill_rec.runtime.vectors import PRECISIONS, store
from distill_rec.runtime.whole_files import sha256_file, write_bytes, writing

Load = Callable[[Path, str], Answering]
KEEP = 3
WRITTEN = 1 << 20
"""Numbers written at a time."""
TYPE_NAMES = {"fp32": "F32", "fp16": "F16", "int8": "I8"}
"""How safetensors calls the type of each precision's rows."""


def write_vectors(path: Path, vectors: RowSource, precision: str) -> None:
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
        for block in _blocks(n, dim):
            part = store(vectors[block], precision)
            file.write(part.values.data)
            scales.append(part.scales)
        if precision == "int8":
            file.seek(places["scales"])
            file.writelines(part.data for part in scales if part is not None)


def _blocks(rows: int, dim: int) -> Iterator[slice]:
    size = max(1, WRITTEN // dim)
    return (slice(start, start + size) for start in range(0, rows, size))


def base_precision(precision: str) -> str:
    """How the vectors of a precision are stored: those of "int8-static" as those of "int8"."""
    return precision.split("-")[0]


def record_files(folder: Path) -> dict[str, FileRecord]:
    """Hash and size of every file below a folder but the manifest and the card."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    return {name: _record(path) for name, path in names.items() if name not in (MANIFEST, CARD)}


def _record(path: Path) -> FileRecord:
    return FileRecord(sha256_file(path), path.stat().st_size)


def save_catalogue(  # noqa: PLR0913
    files: Files,
    catalogue: Catalogue,
    texts: list[str] | None,
    precision: str,
    folder: str | Path | None,
    load: Load,
) -> Path:
    """See `Student.save_catalogue`. Precisions finer than the loaded one are left out: its vectors are rounded.

    Args:
        load: reads a precision of the new version, to ask its golden inputs.
    """
    if folder is None:
        versions = files.folder.parent
        if versions.name != "versions":
            raise ArtifactError(files.folder, "no version of an export folder", "versions/N", "Give folder=.")
        folder = versions.parent
    manifest = files.manifest
    coarser = PRECISIONS[PRECISIONS.index(base_precision(precision)) :]
    exported = manifest.precisions or {precision: manifest.parts(precision)}
    kept = {name: parts for name, parts in exported.items() if base_precision(name) in coarser}
    with new_version(Path(folder), KEEP) as temporary:
        ours = {parts["items"] for parts in exported.values()} | {"items.json", TEXTS, GOLDEN}
        for name in [*manifest.files, CARD]:
            source = files.folder / name
            if name not in ours and source.is_file():
                (temporary / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, temporary / name)
        write_bytes(temporary / "items.json", json.dumps(catalogue.ids, ensure_ascii=False).encode() + b"\n")
        if texts is not None:
            write_bytes(temporary / TEXTS, json.dumps(texts, ensure_ascii=False).encode() + b"\n")
        for name, parts in kept.items():
            write_vectors(temporary / parts["items"], catalogue.vectors, base_precision(name))
        marks = manifest.fingerprints
        changed = replace(
            manifest,
            fingerprints=marks | {KEY: digest_of_ids(catalogue.ids)} if KEY in marks else marks,
            format_version=FORMAT_VERSION,
            items=len(catalogue.ids),
            removed=sorted(catalogue.removed),
            precision=manifest.precision if manifest.precision in kept else precision,
            precisions=kept,
            made_from=files.digest,
            files=record_files(temporary),
        )
        write_bytes(temporary / MANIFEST, changed.to_json().encode())
        if GOLDEN in manifest.files:
            write_bytes(temporary / GOLDEN, _golden(files, catalogue, temporary, list(kept), load))
            changed = replace(changed, files=changed.files | {GOLDEN: _record(temporary / GOLDEN)})
            write_bytes(temporary / MANIFEST, changed.to_json().encode())
    return (Path(folder) / "student").resolve()


def _golden(files: Files, catalogue: Catalogue, folder: Path, precisions: list[str], load: Load) -> bytes:
    """The same golden inputs less what was removed, answered by the new version."""
    content = json.loads(files.read(GOLDEN))
    for one in content["requests"]:
        one["candidates"] = [item for item in one["candidates"] if item not in catalogue.removed]
    content["expected"] = {
        name: answers(load(folder, name), content["texts"], content["requests"]) for name in precisions
    }
    return json.dumps(content, ensure_ascii=False).encode() + b"\n"


def export_vectors(path: Path, catalogue: Catalogue) -> None:
    """See `Student.export_vectors`."""
    if path.suffix not in (".npy", ".parquet"):
        raise DataError(path, f"ending {path.suffix!r}", ".npy or .parquet")
    if path.suffix == ".parquet" and find_spec("pyarrow") is None:
        raise DataError(path, "pyarrow is not installed", "pyarrow for Parquet", "pip install pyarrow, or write .npy.")
    rows = np.array([row for row, item in enumerate(catalogue.ids) if item in catalogue], dtype=np.int64)
    ids = [catalogue.ids[row] for row in rows]
    blocks = (catalogue.vectors[rows[block]] for block in _blocks(len(rows), catalogue.vectors.dim))
    with writing(path) as file:
        if path.suffix == ".parquet":
            _write_parquet(file, ids, blocks, catalogue.vectors.dim)
            return
        shape = {"descr": "<f4", "fortran_order": False, "shape": (len(rows), catalogue.vectors.dim)}
        np.lib.format.write_array_header_1_0(file, shape)
        file.writelines(block.data for block in blocks)
        write_bytes(path.with_suffix(".json"), json.dumps(ids, ensure_ascii=False).encode() + b"\n")


def _write_parquet(file: BinaryIO, ids: list[str], blocks: Iterator[Floats], dim: int) -> None:
    import pyarrow as pa  # noqa: PLC0415  (not in the light install)
    import pyarrow.parquet as pq  # noqa: PLC0415

    schema = pa.schema({"item_id": pa.string(), "vector": pa.list_(pa.float32(), dim)})
    with pq.ParquetWriter(file, schema, use_dictionary=False) as writer:  # no value comes twice
        start = 0
        for block in blocks:
            rows = pa.FixedSizeListArray.from_arrays(pa.array(block.reshape(-1)), dim)
            names = pa.array(ids[start : start + len(block)], pa.string())
            # As a table: batches are held until a row group of a million rows is full.
            writer.write_table(pa.table([names, rows], schema=schema))
            start += len(block)
