"""The floating-point operations that encoding a text takes, told from the artifact's own files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open

from distill_rec.runtime.external_data import fields
from distill_rec.runtime.tokenizer import TextTokenizer

GRAPH, NODE, INITIALIZER = 7, 1, 5
NODE_INPUT, NODE_OPERATOR = 1, 4
TENSOR_DIMS, TENSOR_NAME = 1, 8


@dataclass(frozen=True)
class Work:
    """Multiplications and additions.

    Attributes:
        of_text: once a text.
        of_token: for each of its tokens; a transformer's attention between tokens, small in short texts, is left out.
    """

    of_text: float
    of_token: float


def encoding_work(folder: Path) -> Work | None:
    """Of the item encoder; None where its weights cannot be told."""
    static = next(iter(sorted(folder.glob("static*.safetensors"))), None)
    if static is not None:
        return _static(static)
    graph = folder / "item_encoder.onnx"
    weights = _product_weights(graph.read_bytes()) if graph.is_file() else 0
    return Work(0.0, 2.0 * weights) if weights else None


def tokens_of(folder: Path, texts: Sequence[str]) -> float:
    """Mean number of tokens that a text is encoded from."""
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    special = manifest["kind"] != "static"
    path, limit, prefix = folder / "tokenizer.json", manifest["max_tokens"], manifest["prefix"]
    tokenizer = TextTokenizer(path, limit, special, prefix, drop_unknown=not special)
    return float(np.diff(tokenizer.encode(texts)[1]).mean())


def _static(path: Path) -> Work:
    with safe_open(path, framework="numpy") as file:
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118  (no mapping)
    products = sum(2 * np.prod(shape) for name, shape in shapes.items() if "projection" in name and len(shape) == 2)
    return Work(float(products), float(shapes["table"][1]))


def _product_weights(model: bytes) -> int:
    """Numbers in the matrices that the graph's products take."""
    graph = next(value for number, value in fields(memoryview(model)) if number == GRAPH)
    assert isinstance(graph, memoryview)
    sizes, taken = {}, []
    for number, value in fields(graph):
        if number == INITIALIZER and isinstance(value, memoryview):
            name, size = _tensor(value)
            sizes[name] = size
        elif number == NODE and isinstance(value, memoryview):
            taken += list(_product_inputs(value))
    return sum(sizes.get(name, 0) for name in taken)


def _tensor(content: memoryview) -> tuple[str, int]:
    """Name and size; a vector, as a bias is, counts as none."""
    name, dims = "", []
    for number, value in fields(content):
        if number == TENSOR_NAME and isinstance(value, memoryview):
            name = bytes(value).decode()
        elif number == TENSOR_DIMS:
            dims += [value] if isinstance(value, int) else _packed(value)
    return name, int(np.prod(dims)) if len(dims) > 1 else 0


def _packed(content: memoryview) -> list[int]:
    numbers, value, shift = [], 0, 0
    for byte in content:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(value)
            value = shift = 0
    return numbers


def _product_inputs(content: memoryview) -> Iterator[str]:
    found = list(fields(content))
    operator = b"".join(bytes(v) for n, v in found if n == NODE_OPERATOR and isinstance(v, memoryview)).decode()
    if "MatMul" in operator or "Gemm" in operator:
        yield from (bytes(v).decode() for n, v in found if n == NODE_INPUT and isinstance(v, memoryview))
