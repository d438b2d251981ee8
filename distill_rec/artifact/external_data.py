"""Finds tensors of an ONNX graph that point at other files.

onnxruntime reads such files beside the working folder even when a graph is opened from bytes: an artifact must not
make a service read what its manifest does not list. This walks the protocol buffer's few messages that hold
tensors (`onnx.proto3`), so that serving needs no `onnx`.
"""

from __future__ import annotations

from collections.abc import Iterator

# Message -> field number -> message held there. Fields that hold no tensor are skipped.
MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
EXTERNAL_DATA, DATA_LOCATION = 13, 14
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def has_external_data(graph: bytes) -> bool:
    """Whether any tensor of the graph lies outside it.

    Raises:
        ValueError: these bytes are no protocol buffer.
    """
    return _message(memoryview(graph), "model")


def _message(content: memoryview, kind: str) -> bool:
    if kind == "tensor":
        return any(number == EXTERNAL_DATA or (number == DATA_LOCATION and value) for number, value in fields(content))
    inside = MESSAGES[kind]
    return any(
        number in inside and isinstance(value, memoryview) and _message(value, inside[number])
        for number, value in fields(content)
    )


def fields(content: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of each field: an integer, or the bytes of a message, text or array."""
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        kind = key & 7
        value: int | memoryview
        if kind == VARINT:
            value, at = _varint(content, at)
        elif kind == BYTES:
            size, at = _varint(content, at)
            value, at = content[at : at + size], at + size
        elif kind in (FIXED64, FIXED32):
            width = 8 if kind == FIXED64 else 4
            value, at = content[at : at + width], at + width
        else:
            raise ValueError(f"wire type {kind}")
        if at > len(content):
            raise ValueError("a field ends after the file")
        yield key >> 3, value


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(content) or shift > 63:
            raise ValueError("a number ends after the file")
        byte = content[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
