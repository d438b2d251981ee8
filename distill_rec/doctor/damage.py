"""Whether a file of a known form is whole, as its library opens it; no extra is needed, and no array is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from safetensors import SafetensorError, safe_open

from distill_rec.files import read_array

PARQUET = b"PAR1"


def fault_of(path: Path) -> str | None:
    """What is wrong with a `.json`, `.npy`, `.safetensors` or `.parquet` file; None where nothing is."""
    try:
        if (opened := OPENED.get(path.suffix)) is not None:
            opened(path)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    except (ValueError, EOFError, RecursionError, SafetensorError) as error:
        return f"is damaged: {error}"
    return None


def damaged(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every file below a folder that is not whole, in order of name; temporary files are left out."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith(".") for part in inside):
            fault = fault_of(path)
            if fault is not None:
                yield path, fault


def _safetensors(path: Path) -> None:
    with safe_open(path, "numpy"):
        """Its header covers its size, or the library raises."""


def _parquet(path: Path) -> None:
    with path.open("rb") as file:
        begin = file.read(4)
        file.seek(max(0, path.stat().st_size - 4))
        if begin != PARQUET or file.read(4) != PARQUET or path.stat().st_size <= 8:
            raise ValueError("no whole Parquet file")


OPENED: dict[str, Callable[[Path], object]] = {
    ".json": lambda path: json.loads(path.read_bytes()),
    ".npy": read_array,
    ".safetensors": _safetensors,
    ".parquet": _parquet,
}
"""What opens a file, by its ending, and raises where it is not whole."""
