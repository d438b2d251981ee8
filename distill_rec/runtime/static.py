"""The static kind: an item's vector is the mean of its sub-words' rows, of unit length, projected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_rec.artifact.files import Files
from distill_rec.artifact.layout import LAYOUTS, TOKENIZER
from distill_rec.artifact.reading import read_neutral, read_tensors
from distill_rec.artifact.stored import Stored
from distill_rec.runtime.arrays import Floats
from distill_rec.runtime.kinds import RuntimeKind, Work
from distill_rec.runtime.projection import project
from distill_rec.runtime.tokenizer import TextTokenizer

FLOATS = 1 << 17
"""Of a block of sub-word vectors: what a core's second cache holds."""

TEXTS = 256
"""Projected at a time, for the same reason."""


class StaticItemEncoder:
    """Texts to item vectors without a neural network over tokens.

    Args:
        tensors: arrays of `static.safetensors`: `row` int32 `[n_tokens]` (>= 0: a row of `table`; < 0: row
            -1 - row of `fallback`, int8 with `fallback_scale`), `no_tokens`, `projection.*`.
        neutral: vector `[dim]` of a text without known tokens, where none was learned.

    Raises:
        ValueError: `row` names rows that are not there.
    """

    def __init__(
        self, tensors: Mapping[str, NDArray[Any]], tokenizer: TextTokenizer, neutral: Floats | None = None
    ) -> None:
        self._tensors, self._tokenizer, self._neutral = tensors, tokenizer, neutral
        self._table = tensors["table"]
        row = tensors["row"]
        lowest, highest = -len(tensors["fallback"]), len(self._table) - 1
        if len(row) and (row.min() < lowest or row.max() > highest):
            raise ValueError(f"rows {row.min()} to {row.max()} where {lowest} to {highest} are there")

    def encode(self, texts: Sequence[str]) -> Floats:
        """Vectors `[n, dim]`; a text without known tokens gets the learned vector, or the neutral one."""
        ids, offsets = self._tokenizer.encode(texts)
        means = self._means(self._tensors["row"][ids], offsets)
        lengths = np.sqrt(np.einsum("ij,ij->i", means, means))
        unit = means / np.maximum(lengths, np.float32(1e-12))[:, None]
        parts = [project(unit[start : start + TEXTS], self._tensors) for start in range(0, max(len(unit), 1), TEXTS)]
        vectors = parts[0] if len(parts) == 1 else np.concatenate(parts)
        if self._neutral is not None:
            vectors[self._tokenizer.reads_empty(ids, offsets)] = self._neutral
        return vectors

    def _means(self, rows: NDArray[np.int32], offsets: NDArray[np.int64]) -> Floats:
        """Mean vector of each text `[n, width]`; texts of one length at a time are a block whose sum is plain."""
        if len(offsets) == 2 and len(rows):  # one text: what follows would take longer to set up than to do
            return np.asarray(self._vectors(rows).sum(axis=0, keepdims=True) / np.float32(len(rows)), dtype=np.float32)
        lengths, width = np.diff(offsets), self._table.shape[1]
        means = np.empty((len(lengths), width), dtype=np.float32)
        for length, texts in _by_length(lengths):
            if not length:
                means[texts] = self._tensors["no_tokens"]
                continue
            size = max(1, FLOATS // (width * length))
            for start in range(0, len(texts), size):
                part = texts[start : start + size]
                block = self._vectors(rows[offsets[part, None] + np.arange(length)])
                means[part] = np.add.reduce(block, axis=1) / np.float32(length)
        return means

    def _vectors(self, rows: NDArray[np.int32]) -> Floats:
        """Vectors of rows, of whatever shape."""
        others = rows < 0
        if not others.any():
            return self._table[rows]
        vectors = np.empty((*rows.shape, self._table.shape[1]), dtype=np.float32)
        vectors[~others] = self._table[rows[~others]]
        places = -1 - rows[others]
        vectors[others] = self._tensors["fallback"][places] * self._tensors["fallback_scale"][places, None]
        return vectors


def _by_length(lengths: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Each length that is there, with the places of its texts."""
    order = np.argsort(lengths, kind="stable")
    kinds, first = np.unique(lengths[order], return_index=True)
    ends = np.append(first, len(order))[1:]
    for length, start, end in zip(kinds.tolist(), first, ends, strict=True):
        yield length, order[start:end]


class StaticKind(RuntimeKind):
    """Needs numpy and tokenizers."""

    layout = LAYOUTS["static"]

    def tokenizer(self, files: Files) -> TextTokenizer:
        manifest = files.manifest
        return TextTokenizer(
            files.read(TOKENIZER), manifest.max_tokens, special_tokens=False, prefix=manifest.prefix, drop_unknown=True
        )

    def item_encoder(self, files: Files, name: str, threads: int | None) -> StaticItemEncoder:
        return StaticItemEncoder(_widened(read_tensors(files, name)), self.tokenizer(files), read_neutral(files))

    def work(self, files: Files, name: str) -> Work:
        arrays = read_tensors(files, name)
        products = [array.size for part, array in arrays.items() if "projection" in part and array.ndim == 2]
        return Work(2.0 * sum(products), float(arrays["table"].shape[1]))


def _widened(tensors: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Arrays of a smaller precision in float32; the table is small, and gathering from float32 is quickest.

    The fallback stays int8 in the file: it is the large one and rarely read.
    """
    out = {name: value.astype(np.float32) if value.dtype == np.float16 else value for name, value in tensors.items()}
    if out["table"].dtype == np.int8:
        out["table"] = Stored(out["table"], out["table_scale"]).rows(slice(None))
    return out


KIND = StaticKind()
