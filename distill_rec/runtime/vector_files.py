"""A catalogue's vectors for other tools: Parquet, or `.npy` with the ids beside it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

import numpy as np

from distill_rec.artifact.errors import DataError
from distill_rec.artifact.save import blocks_of, write_list
from distill_rec.artifact.whole_files import writing
from distill_rec.runtime.arrays import Floats
from distill_rec.runtime.catalogue import Catalogue


def export_vectors(path: Path, catalogue: Catalogue) -> None:
    """See `Student.export_vectors`."""
    if path.suffix not in (".npy", ".parquet"):
        raise DataError(path, f"ending {path.suffix!r}", ".npy or .parquet")
    if path.suffix == ".parquet" and find_spec("pyarrow") is None:
        raise DataError(path, "pyarrow is not installed", "pyarrow for Parquet", "pip install pyarrow, or write .npy.")
    rows = np.array([row for row, item in enumerate(catalogue.ids) if item in catalogue], dtype=np.int64)
    ids = [catalogue.ids[row] for row in rows]
    blocks = (catalogue.scored[rows[block]] for block in blocks_of(len(rows), catalogue.scored.dim))
    with writing(path) as file:
        if path.suffix == ".parquet":
            _write_parquet(file, ids, blocks, catalogue.scored.dim)
            return
        shape = {"descr": "<f4", "fortran_order": False, "shape": (len(rows), catalogue.scored.dim)}
        np.lib.format.write_array_header_1_0(file, shape)
        file.writelines(block.data for block in blocks)
        write_list(path.with_suffix(".json"), ids)


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
