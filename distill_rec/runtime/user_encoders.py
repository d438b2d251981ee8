"""User encoders in numpy; twins of `distill_rec.nn.user_encoders`, which documents them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np

from distill_rec.runtime.arrays import Floats, Weights
from distill_rec.runtime.gru import GruUserEncoder, moved_without

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
        return _softened(self.prepare(history) if prepared is None else prepared)


def _softened(logits: Floats | None) -> tuple[Floats, np.float32]:
    assert logits is not None
    weights = np.exp(logits - logits.max())
    return weights, weights.sum()


@dataclass(frozen=True)
class _Map:
    """x W + b; where a norm stands before it, what that multiplies and adds is in W and b already."""

    weight: Floats
    bias: Floats

    @staticmethod
    def of(weights: Weights, name: str, norm: str | None = None) -> _Map:
        weight, bias = (weights[f"{name}.{part}"].astype(np.float64) for part in ("weight", "bias"))
        if norm is not None:
            bias = weight @ weights[f"{norm}.bias"] + bias
            weight = weight * weights[f"{norm}.weight"]
        # Transposed once, so that every product reads rows.
        return _Map(np.ascontiguousarray(weight.T, dtype=np.float32), bias.astype(np.float32))

    def __call__(self, x: Floats) -> Floats:
        y: Floats = x @ self.weight
        y += self.bias
        return y


class NrmsUserEncoder(AttentionUserEncoder):
    """Causal self-attention, then additive attention over what each click gathered."""

    def __init__(self, weights: Weights, heads: int) -> None:
        super().__init__(weights)
        self._heads = heads
        self._qkv, self._out = _Map.of(weights, "qkv"), _Map.of(weights, "out")

    def prepare(self, vectors: Floats) -> Floats | None:
        return None

    def encode(self, history: Floats, prepared: Floats | None) -> Floats:
        return super().encode(self._gathered(history) if len(history) else history, None)

    def shares(self, history: Floats, prepared: Floats | None) -> Floats:
        return moved_without(lambda clicks: self.encode(clicks, None), history)

    def _weights(self, history: Floats, prepared: Floats | None) -> tuple[Floats, np.float32]:
        return _softened(super().prepare(history))

    def _gathered(self, history: Floats) -> Floats:
        attention, value = _attend(self._qkv(history), self._heads)
        return history + self._out(_joined(attention, value))


class _Block:
    """A layer: attention, then two maps, each behind a norm and beside a shortcut."""

    def __init__(self, weights: Weights, name: str, heads: int) -> None:
        self._heads = heads
        self._qkv = _Map.of(weights, name + "qkv", name + "norm1")
        self._out, self._down = _Map.of(weights, name + "out"), _Map.of(weights, name + "down")
        self._up = _Map.of(weights, name + "up", name + "norm2")

    def attend(self, x: Floats, last: bool) -> tuple[Floats, Floats]:
        """See `_attend`."""
        return _attend(self._qkv(_normed(x)), self._heads, last)

    def __call__(self, x: Floats, last: bool) -> Floats:
        attention, value = self.attend(x, last)
        if last:
            x = x[-1:]
        x = x + self._out(_joined(attention, value))
        up = self._up(_normed(x))
        np.maximum(up, 0, out=up)
        x += self._down(up)
        return x


def _attend(qkv: Floats, heads: int, last: bool = False) -> tuple[Floats, Floats]:
    """Attention of clicks to themselves and those before `[heads, queries, length]`; values `[heads, length, width]`.

    Args:
        qkv: `[length, 3 dim]`.
        last: ask for the last click alone.
    """
    length, width = len(qkv), qkv.shape[1] // 3 // heads
    query, key, value = qkv.reshape(length, 3, heads, width).transpose(1, 2, 0, 3)
    scores: Floats = (query[:, -1:] if last else query) @ key.transpose(0, 2, 1)
    scores *= np.float32(1 / np.sqrt(width))
    if not last:
        scores += _later(1 << (length - 1).bit_length())[:length, :length]
    scores -= np.maximum.reduce(scores, -1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= np.add.reduce(scores, -1, keepdims=True)
    return scores, value


@cache
def _later(length: int) -> Floats:
    """Minus infinity where a later click would be seen `[length, length]`; asked for powers of two, so few are made."""
    return np.triu(np.full((length, length), -np.inf, dtype=np.float32), 1)


def _joined(attention: Floats, value: Floats) -> Floats:
    """What the heads gathered, side by side, `[queries, dim]`."""
    gathered: Floats = (attention @ value).transpose(1, 0, 2).reshape(attention.shape[1], -1)
    return gathered


class CausalUserEncoder:
    """A causal transformer; of the last layer only the last position is computed."""

    def __init__(self, weights: Weights, heads: int, layers: int) -> None:
        self._blocks = [_Block(weights, f"blocks.{layer}.", heads) for layer in range(layers)]
        self._scale = np.exp(weights["log_scale"]).astype(np.float32)
        self._empty = (weights["empty"] * self._scale).astype(np.float32)
        self._weight, self._bias = (
            (weights[f"norm.{part}"] * self._scale).astype(np.float32) for part in ("weight", "bias")
        )
        self._position = weights["position"].astype(np.float32)
        self._root = np.float32(np.sqrt(len(self._empty)))

    def prepare(self, vectors: Floats) -> Floats | None:
        return None

    def encode(self, history: Floats, prepared: Floats | None) -> Floats:
        if not len(history):
            return self._empty
        x = self._below(history)
        x = self._blocks[-1](x, last=True)
        return np.asarray(_normed(x)[0] * self._weight + self._bias, dtype=np.float32)

    def shares(self, history: Floats, prepared: Floats | None) -> Floats:
        attention = self._blocks[-1].attend(self._below(history), last=True)[0]
        return np.asarray(attention.mean(0)[0] * self._scale, dtype=np.float32)

    def _below(self, history: Floats) -> Floats:
        """What the last layer reads."""
        x = history * self._root
        x += self._position[: len(history)]
        for block in self._blocks[:-1]:
            x = block(x, last=False)
        return x


def _normed(x: Floats) -> Floats:
    """Rows less their mean, divided by their standard deviation; in few calls, which is what few rows cost."""
    width = np.float32(x.shape[-1])
    mean: Floats = np.add.reduce(x, -1, keepdims=True)
    mean /= width
    centred: Floats = x - mean
    variance = np.einsum("ij,ij->i", centred, centred)
    variance /= width
    variance += EPSILON
    centred /= np.sqrt(variance)[:, None]
    return centred


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
    if kind == "gru":
        return GruUserEncoder(weights, int(settings["layers"]))
    if kind == "nrms":
        return NrmsUserEncoder(weights, int(settings["heads"]))
    raise ValueError(f"user encoder {kind!r}")
