"""A graph of three nodes, relu(x W + b): enough to see whether onnxruntime works."""

from __future__ import annotations

from base64 import b64decode

import numpy as np
from numpy.typing import NDArray

WIDTH = 4
GRAPH = b64decode(
    "CAg61gEKEgoBeAoBdxICeHciBk1hdE11bAoRCgJ4dwoBYhIDc3VtIgNBZGQKDgoDc3VtEgF5IgRSZWx1Egt0aHJlZSBub2RlcypL"
    "CAQIBBABQgF3SkAAAIC/AABgvwAAQL8AACC/AAAAvwAAwL4AAIC+AAAAvgAAAAAAAAA+AACAPgAAwD4AAAA/AAAgPwAAQD8AAGA/"
    "KhkIBBABQgFiShAAAAA/AAAAvwAAgD8AAIDAWhMKAXgSDgoMCAESCAoCCAIKAggEYhMKAXkSDgoMCAESCAoCCAIKAggEQgQKABAN"
)
"""Made by `onnx`, which the light install has not; a test reads it with `onnx` again."""

Floats = NDArray[np.float32]


def three_nodes() -> tuple[bytes, Floats, Floats]:
    """The graph, an input `[2, 4]` and the output `[2, 4]` that belongs to it."""
    weight = np.arange(WIDTH * WIDTH, dtype=np.float32).reshape(WIDTH, WIDTH) / np.float32(8) - np.float32(1)
    bias = np.array([0.5, -0.5, 1.0, -4.0], dtype=np.float32)
    x = np.array([[1, 2, 3, 4], [-1, 0, 1, 0]], dtype=np.float32)
    return GRAPH, x, np.maximum(x @ weight + bias, 0)
