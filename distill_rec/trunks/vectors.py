"""A trunk that is a file: item ids and vectors from anywhere, as Parquet or NPZ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from distill_rec.files import sha256_file
from distill_rec.frames import read_frame
from distill_rec.runtime.errors import ModelError

SUFFIXES = (".parquet", ".npz")


def is_vector_file(source: str) -> bool:
    return source.lower().endswith(SUFFIXES)


def _read(path: Path) -> tuple[list[str], NDArray[np.float32]]:
    if not path.exists():
        raise ModelError(path, "no such file", "a Parquet or NPZ file of item ids and vectors")
    if path.suffix.lower() == ".npz":
        try:
            with np.load(path, allow_pickle=False) as content:
                ids, vectors = content["item_id"], content["vector"]
        except (KeyError, ValueError, OSError) as error:
            raise ModelError(path, f"cannot be read: {error}", "arrays `item_id` [n] and `vector` [n, d]") from error
        return [str(value) for value in ids.tolist()], np.asarray(vectors, dtype=np.float32)
    try:
        frame = read_frame(path, ["item_id", "vector"])
        array = np.asarray(frame["vector"].to_list(), dtype=np.float32)
    except (pl.exceptions.PolarsError, ValueError, OSError) as error:
        raise ModelError(
            path, f"cannot be read: {error}", "columns `item_id` and `vector` (lists of one length)"
        ) from error
    return frame["item_id"].cast(pl.String).to_list(), array


def _name(ids: list[str]) -> str:
    return ", ".join(repr(value) for value in ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")


def read_vectors(source: str, item_ids: list[str]) -> tuple[NDArray[np.float32], str]:
    """Vectors of the catalogue's items `[n_items, d]` in their order, and the file's sha256.

    Raises:
        ModelError: the file has duplicate ids, vectors that are not finite, or none for some items; they are named.
    """
    vectors, known, digest = read_some_vectors(source, item_ids)
    missing = [item_ids[item] for item in np.flatnonzero(~known)]
    if missing:
        raise ModelError(source, f"no vector for {len(missing)} items: {_name(missing)}", "a vector for every item")
    return vectors, digest


def read_some_vectors(source: str, item_ids: list[str]) -> tuple[NDArray[np.float32], NDArray[np.bool_], str]:
    """The same, zero for items that the file lacks, with which it has, bool `[n_items]`.

    Raises:
        ModelError: the file has duplicate ids, vectors that are not finite, or none for any item.
    """
    path = Path(source)
    ids, vectors = _read(path)
    if vectors.ndim != 2 or len(vectors) != len(ids):
        raise ModelError(path, f"{len(ids)} ids and vectors of shape {vectors.shape}", "one vector of one length an id")
    series = pl.Series(ids)
    twice = series.filter(series.is_duplicated()).unique(maintain_order=True).to_list()
    if twice:
        raise ModelError(path, f"ids that stand twice: {_name(twice)}", "one vector per item")
    broken = [ids[row] for row in np.flatnonzero(~np.isfinite(vectors).all(1))[:1000]]
    if broken:
        raise ModelError(path, f"vectors that are not finite: {_name(broken)}", "finite numbers")
    place = {value: row for row, value in enumerate(ids)}
    rows = np.array([place.get(value, -1) for value in item_ids], dtype=np.int64)
    known = rows >= 0
    if not known.any():
        raise ModelError(path, f"no vector for any item; it has {_name(ids)}", f"ids as {_name(item_ids)}")
    return np.where(known[:, None], vectors[rows], np.float32(0)), known, sha256_file(path)
