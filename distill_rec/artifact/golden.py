"""Golden inputs: texts and requests that an artifact carries with the answers that it gave where it was made.

Kernels differ between processors, int8 ones most: a service can ask for the answers once more before it serves.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from distill_rec.artifact.errors import ArtifactError
from distill_rec.artifact.files import Files
from distill_rec.artifact.layout import GOLDEN
from distill_rec.artifact.records import EXPORT_AGAIN, GOLDEN_FORM, as_json, require_types
from distill_rec.artifact.stored import Floats

TOLERANCE = {"fp32": 1e-3, "fp16": 1e-2}
COARSE = 0.1
"""Largest difference over the standard deviation of the answers; coarse for int8."""


class Answering(Protocol):
    """What of a student is asked."""

    def encode_items(self, items: list[str]) -> Floats: ...

    def rank(self, history: list[str], candidates: list[str]) -> Floats: ...


@dataclass(frozen=True)
class Question:
    """Item ids of one request."""

    history: list[str]
    candidates: list[str]


@dataclass(frozen=True)
class Answers:
    """Vectors `[n, dim]` of the texts, and the scores of each request."""

    vectors: list[list[float]]
    scores: list[list[float]]


@dataclass(frozen=True)
class Golden:
    """What `golden.json` holds; `expected` has the answers of each precision."""

    texts: list[str]
    requests: list[Question]
    expected: dict[str, Answers]
    format_version: int = GOLDEN_FORM.version

    def answers(self, student: Answering) -> Answers:
        """What a student says."""
        scores = [student.rank(one.history, one.candidates).tolist() for one in self.requests]
        return Answers(student.encode_items(self.texts).tolist(), scores)

    def answered(self, precisions: Iterable[str], load: Callable[[str], Answering]) -> Golden:
        """With the answers of each precision, which `load` reads."""
        return replace(self, expected={name: self.answers(load(name)) for name in precisions})

    def without(self, items: Iterable[str]) -> Golden:
        """With these items no candidates any more."""
        gone = set(items)
        requests = [Question(one.history, [c for c in one.candidates if c not in gone]) for one in self.requests]
        return replace(self, requests=requests)

    def to_json(self) -> str:
        return as_json(asdict(self))

    @staticmethod
    def from_json(content: bytes, where: Path) -> Golden:
        """
        Raises:
            ArtifactError: these are no golden inputs, or those of a newer release.
        """
        try:
            values = json.loads(content)
            GOLDEN_FORM.require(values.get("format_version", 1), where)
            requests = [Question(**one) for one in values["requests"]]
            expected = {name: Answers(**one) for name, one in values["expected"].items()}
            golden = Golden(values["texts"], requests, expected)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ArtifactError(where, f"lacks {error}", "golden inputs of every precision", EXPORT_AGAIN) from error
        for record in (golden, *requests, *expected.values()):
            require_types(record, where)
        return golden


def require_golden(student: Answering, files: Files, precision: str) -> None:
    """Raise where the student answers otherwise than it did where it was made.

    Raises:
        ArtifactError: an answer differs, or the artifact carries none for this precision.
    """
    where = files.folder / GOLDEN
    if GOLDEN not in files.manifest.files:
        raise ArtifactError(where, "no golden inputs", "an artifact that carries them", "Export it again.")
    golden = Golden.from_json(files.read(GOLDEN), where)
    expected = golden.expected.get(precision)
    if expected is None:
        raise ArtifactError(where, f"lacks {precision!r}", "golden inputs of every precision", EXPORT_AGAIN)
    found = golden.answers(student)
    limit = TOLERANCE.get(precision, COARSE)
    pairs = {
        "item vectors": _difference(found.vectors, expected.vectors),
        "scores": _difference(list(chain(*found.scores)), list(chain(*expected.scores))),
    }
    for name, difference in pairs.items():
        if not difference <= limit:
            raise ArtifactError(
                where,
                f"{name} in {precision} differ on this machine by {difference:.3g} of their standard deviation",
                f"at most {limit:g}",
                "Load another precision here, or export on a machine like this one.",
            )


def _difference(found: Sequence[Any], expected: Sequence[Any]) -> float:
    """Infinite where they cannot be compared."""
    try:
        ours, theirs = np.asarray(found, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    except (ValueError, TypeError):
        return float("inf")
    if ours.shape != theirs.shape:
        return float("inf")
    return float(np.abs(ours - theirs).max(initial=0.0) / max(float(theirs.std()), 1e-12)) if theirs.size else 0.0
