"""Whether a file of a known form is whole, from its own header and size; nothing is decoded, no extra is needed."""

from __future__ import annotations

import ast
import json
import math
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

NPY = b"\x93NUMPY"
PARQUET = b"PAR1"


def fault_of(path: Path) -> str | None:
    """What is wrong with a `.json`, `.npy`, `.safetensors` or `.parquet` file; None where nothing is."""
    check = {".json": _json, ".npy": _npy, ".safetensors": _safetensors, ".parquet": _parquet}.get(path.suffix)
    if check is None:
        return None
    try:
        return check(path)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except (ValueError, KeyError, IndexError, TypeError, SyntaxError, struct.error, RecursionError) as error:
        return f"is damaged: {error}"


def damaged(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every file below a folder that is not whole, in order of name; temporary files are left out."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith(".") for part in inside):
            fault = fault_of(path)
            if fault is not None:
                yield path, fault


def _short(found: int, expected: int) -> str | None:
    return None if found == expected else f"{found:,} bytes where its header says {expected:,}"


def _json(path: Path) -> None:
    json.loads(path.read_bytes())


def _npy(path: Path) -> str | None:
    with path.open("rb") as file:
        start = file.read(8)
        if start[:6] != NPY or len(start) < 8:
            return "is no .npy file"
        length = struct.unpack("<H", file.read(2))[0] if start[6] == 1 else struct.unpack("<I", file.read(4))[0]
        header = ast.literal_eval(file.read(length).decode("latin-1"))
        at = file.tell()
    return _short(path.stat().st_size, at + math.prod(header["shape"]) * np.dtype(header["descr"]).itemsize)


def _safetensors(path: Path) -> str | None:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > path.stat().st_size:
            return f"{path.stat().st_size:,} bytes: its header alone has {length:,}"
        header = json.loads(file.read(length))
    end = max((int(one["data_offsets"][1]) for name, one in header.items() if name != "__metadata__"), default=0)
    return _short(path.stat().st_size, 8 + length + end)


def _parquet(path: Path) -> str | None:
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(max(0, path.stat().st_size - 4))
        end = file.read(4)
    return None if start == end == PARQUET and path.stat().st_size > 8 else "is no whole Parquet file"
