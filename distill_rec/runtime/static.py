"""The static item encoder: mean of sub-word rows, unit length, projection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_rec.runtime.projection import Floats, project
from distill_rec.runtime.tokenizer import TextTokenizer


class StaticItemEncoder:
    """Texts to item vectors without a neural network over tokens.

    Args:
        tensors: arrays of `static.safetensors`: `row` int32 `[n_tokens]` (>= 0: a row of `table`; < 0: row
            -1 - row of `fallback`, int8 with `fallback_scale`), `no_tokens`, `projection.*`.

    Raises:
        ValueError: `row` names rows that are not there.
    """

    def __init__(self, tensors: Mapping[str, NDArray[Any]], tokenizer: TextTokenizer) -> None:
        self._tensors, self._tokenizer = tensors, tokenizer
        self._table = tensors["table"]
        row = tensors["row"]
        lowest, highest = -len(tensors["fallback"]), len(self._table) - 1
        if len(row) and (row.min() < lowest or row.max() > highest):
            raise ValueError(f"rows {row.min()} to {row.max()} where {lowest} to {highest} are there")

    def encode(self, texts: Sequence[str]) -> Floats:
        """Vectors `[n, dim]`; a text without known tokens gets the learned vector."""
        ids, offsets = self._tokenizer.encode(texts)
        rows = self._tensors["row"][ids]
        vectors = np.empty((len(rows), self._table.shape[1]), dtype=np.float32)
        inside = rows >= 0
        vectors[inside] = self._table[rows[inside]]
        others = -1 - rows[~inside]
        scale = self._tensors["fallback_scale"][others, None]
        vectors[~inside] = self._tensors["fallback"][others].astype(np.float32) * scale
        lengths = np.diff(offsets)
        means = np.empty((len(texts), self._table.shape[1]), dtype=np.float32)
        full = np.flatnonzero(lengths)
        if len(full):
            means[full] = np.add.reduceat(vectors, offsets[:-1][full], axis=0) / lengths[full, None]
        means[lengths == 0] = self._tensors["no_tokens"]
        unit = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), np.float32(1e-12))
        return project(unit, self._tensors)
