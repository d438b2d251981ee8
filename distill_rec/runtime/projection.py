"""The projection from pooled texts to item vectors, in numpy; twin of `distill_rec.nn.projection`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_rec.runtime.arrays import Floats

GELU = float(np.sqrt(2 / np.pi))


def gelu(x: Floats) -> Floats:
    """The tanh form (Hendrycks and Gimpel 2016)."""
    return np.asarray(0.5 * x * (1 + np.tanh(GELU * (x + np.float32(0.044715) * x * x * x))), dtype=np.float32)


def project(x: Floats, weights: Mapping[str, NDArray[Any]]) -> Floats:
    """Item vectors `[n, dim]` of pooled texts `[n, width]`."""
    out = x @ weights["projection.linear.weight"].T + weights["projection.linear.bias"]
    if "projection.up.weight" in weights:
        hidden = gelu(x @ weights["projection.up.weight"].T + weights["projection.up.bias"])
        out = out + hidden @ weights["projection.down.weight"].T + weights["projection.down.bias"]
    return np.asarray(out, dtype=np.float32)
