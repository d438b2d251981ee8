"""The recurrent user encoder in numpy; twin of `distill_rec.nn.gru`, which documents it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from distill_rec.runtime.arrays import Floats, Weights


class GruUserEncoder:
    """A GRU over the clicks, one after the other; what the input gives is computed for all clicks at once."""

    def __init__(self, weights: Weights, layers: int) -> None:
        self._scale = np.exp(weights["log_scale"]).astype(np.float32)
        self._empty = (weights["empty"] * self._scale).astype(np.float32)
        self._layers = [
            tuple(
                np.ascontiguousarray(weights[f"gru.{name}_l{layer}"].T)
                for name in ("weight_ih", "bias_ih", "weight_hh", "bias_hh")
            )
            for layer in range(layers)
        ]
        self._out = np.ascontiguousarray(weights["out.weight"].T) * self._scale
        self._bias = weights["out.bias"] * self._scale

    def prepare(self, vectors: Floats) -> Floats | None:
        return None

    def encode(self, history: Floats, prepared: Floats | None) -> Floats:
        if not len(history):
            return self._empty
        states = history
        for layer in self._layers:
            states = _run(states, *layer)
        return np.asarray(states[-1] @ self._out + self._bias, dtype=np.float32)

    def shares(self, history: Floats, prepared: Floats | None) -> Floats:
        return moved_without(lambda clicks: self.encode(clicks, None), history)


def moved_without(encode: Callable[[Floats], Floats], history: Floats) -> Floats:
    """How far the user vector moves when each click is left out, with the length of the vector as their sum."""
    whole = encode(history)
    rest = [encode(np.delete(history, place, axis=0)) for place in range(len(history))]
    moved = [float(np.linalg.norm(whole - one)) for one in rest]
    total = max(float(np.sum(moved)), 1e-30)
    return np.asarray(np.array(moved) / total * np.linalg.norm(whole), dtype=np.float32)


def _run(x: Floats, weight_in: Floats, bias_in: Floats, weight: Floats, bias: Floats) -> Floats:
    """States after each click `[length, dim]` (gates in torch's order: reset, update, new)."""
    dim = len(weight)
    given = x @ weight_in + bias_in
    out = np.empty((len(x), dim), dtype=np.float32)
    state = np.zeros(dim, dtype=np.float32)
    for place, row in enumerate(given):
        own = state @ weight + bias
        # The logistic function, by one that cannot overflow.
        gates = 0.5 + 0.5 * np.tanh(0.5 * (row[: 2 * dim] + own[: 2 * dim]))
        reset, update = gates[:dim], gates[dim:]
        new = np.tanh(row[2 * dim :] + reset * own[2 * dim :])
        state = out[place] = (1 - update) * new + update * state
    return out
