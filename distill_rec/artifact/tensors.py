"""safetensors without a copy: arrays that look into a mapped file.

The format (safetensors, 2022): eight bytes of header length, a JSON header of names to dtype, shape and place, then
the bytes. The library's own numpy reader copies every array; a catalogue of a million items should stay in the file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

TYPES = {"F32": np.float32, "F16": np.float16, "I8": np.int8, "I32": np.int32, "I64": np.int64}
LONGEST_HEADER = 1 << 20


def mapped_tensors(content: memoryview) -> dict[str, NDArray[Any]]:
    """Read-only arrays over `content`.

    Raises:
        ValueError: these bytes are no safetensors file of the types above, or an array leads out of them.
    """
    if len(content) < 8:
        raise ValueError("shorter than a header")
    length = int.from_bytes(content[:8], "little")
    if length > min(LONGEST_HEADER, len(content) - 8):
        raise ValueError(f"a header of {length} bytes")
    header = json.loads(bytes(content[8 : 8 + length]))
    if not isinstance(header, dict):
        raise ValueError("the header is no object")
    body = content[8 + length :]
    return {name: _array(body, entry) for name, entry in header.items() if name != "__metadata__"}


def header_of(arrays: Mapping[str, tuple[str, tuple[int, ...]]]) -> tuple[bytes, dict[str, int]]:
    """What stands before the bytes of arrays, and the place of each in the file; for files that are written in parts.

    Args:
        arrays: type (a key of `TYPES`) and shape of each, in their order.
    """
    entries, places, end = {}, {}, 0
    for name, (kind, shape) in arrays.items():
        places[name], size = end, int(np.prod(shape, dtype=np.int64)) * np.dtype(TYPES[kind]).itemsize
        entries[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    header = json.dumps(entries, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    begin = 8 + len(header)
    return len(header).to_bytes(8, "little") + header, {name: begin + place for name, place in places.items()}


def _array(body: memoryview, entry: Mapping[str, Any]) -> NDArray[Any]:
    kind, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
    if kind not in TYPES:
        raise ValueError(f"dtype {kind!r}")
    if not all(type(size) is int and size >= 0 for size in (begin, end, *shape)):
        raise ValueError(f"shape {shape}, place {begin} to {end}")
    dtype = np.dtype(TYPES[kind])
    if not begin <= end <= len(body) or end - begin != int(np.prod(shape, dtype=np.int64)) * dtype.itemsize:
        raise ValueError(f"{end - begin} bytes where {kind} {shape} belongs")
    return np.frombuffer(body[begin:end], dtype=dtype).reshape(shape)
