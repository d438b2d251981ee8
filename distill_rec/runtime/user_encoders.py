"""User encoders in numpy; twins of `distill_rec.nn.user_encoders`, which documents them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Weights = Mapping[str, NDArray[Any]]
EPSILON = np.float32(1e-5)


class UserEncoder(Protocol):
    """From the vectors of one history to a user vector."""

    def prepare(self, vectors: Floats) -> Floats | None:
        """What depends on an item alone, `[n_items]`; computed once for the catalogue."""

    def encode(self, history: Floats, prepared: Floats | None) -> Floats:
        """User vector `[dim]` of item vectors `[length, dim]`, oldest first, and their prepared values."""

    def shares(self, history: Floats, prepared: Floats | None) -> Floats:
        """How much of the user vector each click is, `[length]`; of a history that is not empty."""


class MeanUserEncoder:
    """The mean of the history."""

    def __init__(self, weights: Weights) -> None:
        self._scale = np.exp(weights["log_scale"]).astype(np.float32)
        self._empty = (weights["empty"] * self._scale).astype(np.float32)

    def prepare(self, vectors: Floats) -> Floats | None:
        return None

    def encode(self, history: Floats, prepared: Floats | None) -> Floats:
        if not len(history):
            return self._empty
        return np.asarray(history.mean(0) * self._scale, dtype=np.float32)

    def shares(self, history: Floats, prepared: Floats | None) -> Floats:
        return np.full(len(history), self._scale / len(history), dtype=np.float32)


class AttentionUserEncoder:
    """Additive attention; an item's logit depends on the item alone and is computed once for the catalogue."""

    def __init__(self, weights: Weights) -> None:
        self._scale = np.exp(weights["log_scale"]).astype(np.float32)
        self._empty = (weights["empty"] * self._scale).astype(np.float32)
        self._map = np.ascontiguousarray(weights["project.weight"].T)
        self._bias, self._query = weights["project.bias"], weights["query"]

    def prepare(self, vectors: Floats) -> Floats | None:
        return np.asarray(np.tanh(vectors @ self._map + self._bias) @ self._query, dtype=np.float32)

    def encode(self, history: Floats, prepared: Floats | None) -> Floats:
        if not len(history):
            return self._empty
        weights, total = self._weights(history, prepared)
        return np.asarray((weights @ history) * (self._scale / total), dtype=np.float32)

    def shares(self, history: Floats, prepared: Floats | None) -> Floats:
        weights, total = self._weights(history, prepared)
        return np.asarray(weights * (self._scale / total), dtype=np.float32)

    def _weights(self, history: Floats, prepared: Floats | None) -> tuple[Floats, np.float32]:
        """Weights before they are divided by their sum, and the sum."""
        logits = self.prepare(history) if prepared is None else prepared
        assert logits is not None
        weights = np.exp(logits - logits.max())
        return weights, weights.sum()


class CausalUserEncoder:
    """A causal transformer; of the last layer only the last position is computed."""

    def __init__(self, weights: Weights, heads: int, layers: int) -> None:
        self._w = {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in weights.items()}
        # Maps are stored transposed once, so that every product reads rows.
        for name in list(self._w):
            if name.endswith(("qkv.weight", "out.weight", "up.weight", "down.weight")):
                self._w[name] = np.ascontiguousarray(self._w[name].T)
        self._heads, self._layers = heads, layers
        self._scale = np.exp(self._w["log_scale"])
        self._empty = self._w["empty"] * self._scale
        self._root = np.float32(np.sqrt(len(self._empty)))

    def prepare(self, vectors: Floats) -> Floats | None:
        return None

    def encode(self, history: Floats, prepared: Floats | None) -> Floats:
        if not len(history):
            return self._empty
        x = history * self._root + self._w["position"][: len(history)]
        for layer in range(self._layers):
            x = self._block(x, f"blocks.{layer}.", last=layer == self._layers - 1)
        return self._norm(x[-1], "norm.") * self._scale

    def shares(self, history: Floats, prepared: Floats | None) -> Floats:
        x = history * self._root + self._w["position"][: len(history)]
        for layer in range(self._layers - 1):
            x = self._block(x, f"blocks.{layer}.", last=False)
        attention = self._attend(x, f"blocks.{self._layers - 1}.", last=True)[0]
        return np.asarray(attention.mean(0)[0] * self._scale, dtype=np.float32)

    def _norm(self, x: Floats, name: str) -> Floats:
        centred = x - x.mean(-1, keepdims=True)
        variance = np.mean(centred * centred, axis=-1, keepdims=True)
        return np.asarray(
            centred / np.sqrt(variance + EPSILON) * self._w[name + "weight"] + self._w[name + "bias"], dtype=np.float32
        )

    def _attend(self, x: Floats, name: str, last: bool) -> tuple[Floats, Floats]:
        """Attention `[heads, queries, length]` and values `[heads, length, width]`."""
        w, heads = self._w, self._heads
        length, dim = x.shape
        qkv = self._norm(x, name + "norm1.") @ w[name + "qkv.weight"] + w[name + "qkv.bias"]
        query, key, value = qkv.reshape(length, 3, heads, dim // heads).transpose(1, 2, 0, 3)
        if last:
            query = query[:, -1:]
        scores = np.asarray(query @ key.transpose(0, 2, 1) / np.float32(np.sqrt(dim // heads)), dtype=np.float32)
        if not last:
            scores += np.triu(np.full((length, length), -np.inf, dtype=np.float32), 1)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        return scores, value

    def _block(self, x: Floats, name: str, last: bool) -> Floats:
        w = self._w
        attention, value = self._attend(x, name, last)
        if last:
            x = x[-1:]
        attended = (attention @ value).transpose(1, 0, 2).reshape(x.shape)
        x = np.asarray(x + attended @ w[name + "out.weight"] + w[name + "out.bias"], dtype=np.float32)
        up = np.maximum(self._norm(x, name + "norm2.") @ w[name + "up.weight"] + w[name + "up.bias"], 0)
        return np.asarray(x + up @ w[name + "down.weight"] + w[name + "down.bias"], dtype=np.float32)


def make_user_encoder(settings: Mapping[str, Any], weights: Weights) -> UserEncoder:
    """The user encoder of an artifact.

    Raises:
        KeyError: an array or a setting is missing.
        ValueError: the kind is unknown.
    """
    kind = settings["kind"]
    if kind == "causal":
        return CausalUserEncoder(weights, int(settings["heads"]), int(settings["layers"]))
    if kind == "attention":
        return AttentionUserEncoder(weights)
    if kind == "mean":
        return MeanUserEncoder(weights)
    raise ValueError(f"user encoder {kind!r}")
