"""A graph of three nodes, relu(x W + b), as the bytes of an ONNX file: enough to see whether onnxruntime works.

Written by hand (`onnx.proto3`), because the light install has no `onnx`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FLOAT = 1
WIDTH = 4

Floats = NDArray[np.float32]


def three_nodes() -> tuple[bytes, Floats, Floats]:
    """The graph, an input `[2, 4]` and the output `[2, 4]` that belongs to it."""
    weight = np.arange(WIDTH * WIDTH, dtype=np.float32).reshape(WIDTH, WIDTH) / np.float32(8) - np.float32(1)
    bias = np.array([0.5, -0.5, 1.0, -4.0], dtype=np.float32)
    x = np.array([[1, 2, 3, 4], [-1, 0, 1, 0]], dtype=np.float32)
    nodes = _node("MatMul", ["x", "w"], "xw") + _node("Add", ["xw", "b"], "sum") + _node("Relu", ["sum"], "y")
    graph = (
        nodes + _text(2, "three nodes") + _tensor("w", weight) + _tensor("b", bias) + _value(11, "x") + _value(12, "y")
    )
    opset = _bytes(8, _text(1, "") + _integer(2, 13))
    return _integer(1, 8) + _bytes(7, graph) + opset, x, np.maximum(x @ weight + bias, 0)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _integer(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _node(kind: str, inputs: list[str], output: str) -> bytes:
    return _bytes(1, b"".join(_text(1, name) for name in inputs) + _text(2, output) + _text(4, kind))


def _tensor(name: str, values: Floats) -> bytes:
    dims = b"".join(_integer(1, size) for size in values.shape)
    return _bytes(5, dims + _integer(2, FLOAT) + _text(8, name) + _bytes(9, values.astype("<f4").tobytes()))


def _value(field: int, name: str) -> bytes:
    """An input or output `[2, 4]`."""
    shape = b"".join(_bytes(1, _integer(1, size)) for size in (2, WIDTH))
    kind = _bytes(1, _integer(1, FLOAT) + _bytes(2, shape))
    return _bytes(field, _text(1, name) + _bytes(2, kind))
