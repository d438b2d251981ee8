"""What an export must pass before it is published; each gate says what it saw and what it allowed."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_rec.artifact.refusals import (
    LATENCY,
    LOSS,
    MEGABYTES,
    QUALITY,
    SPREAD,
    TEXT_SPREAD,
    Refusal,
    in_words,
    remedies,
)
from distill_rec.export.parity import TOP, Parity
from distill_rec.recipe import ExportSection
from distill_rec.runtime.errors import ArtifactError

DIFFERENCE = {"fp32": 1e-4, "fp16": 2e-2}
RANKS = {"fp32": 0.999, "fp16": 0.999}
COARSE_DIFFERENCE, COARSE_RANKS = 0.5, 0.95
"""Limits of int8: its ranking loss decides, these find what is broken."""

BATCH_DIFFERENCE = 1e-3
"""Of every precision: an item's vector is its own, whatever it is encoded with."""

KEPT = "Nothing was published; the version before, if any, still serves."


def finite(value: float | None) -> float | None:
    """A figure, or None where it is none."""
    return value if value is not None and math.isfinite(value) else None


@dataclass(frozen=True)
class Gate:
    """One figure against its limit.

    Attributes:
        what: in words, as an error says it.
        at_least: the limit is the smallest that passes, not the largest.
    """

    precision: str
    what: str
    saw: float
    limit: float
    at_least: bool = False

    @property
    def passed(self) -> bool:
        """A figure that is not finite never passes."""
        return self.saw >= self.limit if self.at_least else self.saw <= self.limit

    @property
    def wanted(self) -> str:
        return f"at {'least' if self.at_least else 'most'} {self.limit:g}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON, which has no form for a figure that is not finite: None."""
        return asdict(self) | {"saw": finite(self.saw), "passed": self.passed}


@dataclass(frozen=True)
class Measured:
    """What was measured of one precision.

    Attributes:
        ndcg, torch_ndcg: nDCG@10 on validation data, of the export and of torch.
        spread: see `spread_of`; of the catalogue's vectors.
        text_spread: of vectors from text alone, which is what new items have; None where all texts are one.
        bytes: of the files that this precision loads.
        p50_ms, p99_ms: ranking 100 candidates, one thread; None where no process could be measured.
        items_per_second: new items encoded, one thread.
    """

    precision: str
    parity: Parity
    ndcg: float
    torch_ndcg: float
    spread: float
    text_spread: float | None
    bytes: int
    p50_ms: float | None
    p99_ms: float | None
    items_per_second: float | None

    @property
    def loss(self) -> float:
        """Relative nDCG@10 lost against torch; below zero where it gained."""
        return 1 - self.ndcg / self.torch_ndcg if self.torch_ndcg > 0 else 0.0


def gates_of(measured: Measured, section: ExportSection, teacher_ndcg: float | None) -> list[Gate]:
    """The gates of one precision that the recipe asks for."""
    name = measured.precision
    gates = parity_gates(measured.parity, name)
    if name != "fp32":
        gates.append(Gate(name, LOSS, measured.loss, section.max_loss))
    gates.append(Gate(name, SPREAD, measured.spread, section.min_spread, True))
    if measured.text_spread is not None:
        gates.append(Gate(name, TEXT_SPREAD, measured.text_spread, section.min_spread, True))
    if section.min_quality and teacher_ndcg:
        kept = measured.ndcg / teacher_ndcg
        gates.append(Gate(name, QUALITY, kept, section.min_quality, True))
    if section.max_p50_ms is not None:
        seen = float("nan") if measured.p50_ms is None else measured.p50_ms
        gates.append(Gate(name, LATENCY, seen, section.max_p50_ms))
    if section.max_mb is not None:
        gates.append(Gate(name, MEGABYTES, measured.bytes / 1e6, section.max_mb))
    return gates


def parity_gates(parity: Parity, precision: str) -> list[Gate]:
    """Equal to torch within the precision's own limits; lists of the best are compared in fp32 alone."""
    difference = DIFFERENCE.get(precision, COARSE_DIFFERENCE)
    gates = [
        Gate(precision, "difference of scores from torch's, relative", parity.scores, difference),
        Gate(precision, "difference of item vectors from torch's, relative", parity.items, difference),
        Gate(
            precision, "difference of an item's vector alone and in a batch, relative", parity.batch, BATCH_DIFFERENCE
        ),
        Gate(
            precision,
            "rank correlation with torch's scores",
            parity.rank_correlation,
            RANKS.get(precision, COARSE_RANKS),
            True,
        ),
    ]
    if precision == "fp32":
        gates.append(Gate(precision, f"top-{TOP} lists that differ from torch's", parity.swapped, 0))
    return gates


def failed(gates: list[Gate], precision: str) -> list[Gate]:
    """The gates that a precision did not pass."""
    return [gate for gate in gates if gate.precision == precision and not gate.passed]


def require_gates(gates: list[Gate], precisions: list[str]) -> None:
    """Refuse a publication.

    Raises:
        ArtifactError: a gate of one of these precisions failed; all of them are told, and the keys that set them.
    """
    wrong = [gate for name in precisions for gate in failed(gates, name)]
    if wrong:
        told = [Refusal(gate.precision, gate.what, f"{gate.saw:.4g}", gate.wanted) for gate in wrong]
        expected = "; ".join(part for part in (told[0].expected, in_words(told[1:])) if part)
        raise ArtifactError("export", str(told[0]), expected, f"{remedies(told)} {KEPT}")


def spread_of(vectors: NDArray[np.float32]) -> float:
    """1 - |mean of the unit vectors|^2: zero where all item vectors point one way, near one where they vary."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return max(0.0, float(1 - np.square(unit.mean(0)).sum())) if len(unit) else 0.0


def buys_nothing(measured: Measured, whole: Measured) -> bool:
    """A smaller precision that is hardly smaller and hardly faster than fp32."""
    smaller = measured.bytes <= 0.9 * whole.bytes
    ours, theirs = measured.items_per_second, whole.items_per_second
    faster = ours is not None and theirs is not None and ours >= 1.1 * theirs
    return not (smaller or faster)
