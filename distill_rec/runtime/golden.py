"""Golden inputs: texts and requests that an artifact carries with the answers that it gave where it was made.

Kernels differ between processors, int8 ones most: a service can ask for the answers once more before it serves.
"""

from __future__ import annotations

import json
from itertools import chain
from typing import Any, Protocol

import numpy as np

from distill_rec.runtime.errors import ArtifactError
from distill_rec.runtime.manifest import AGAIN, Files
from distill_rec.runtime.projection import Floats

GOLDEN = "golden.json"
TOLERANCE = {"fp32": 1e-3, "fp16": 1e-2}
COARSE = 0.1
"""Largest difference over the standard deviation of the answers; coarse for int8."""


class Answering(Protocol):
    """What of a student is asked."""

    def encode_items(self, items: list[str]) -> Floats: ...

    def rank(self, history: list[str], candidates: list[str]) -> Floats: ...


def answers(student: Answering, texts: list[str], requests: list[dict[str, list[str]]]) -> dict[str, Any]:
    """What a student says, for JSON: vectors of the texts, scores of the requests."""
    scores = [student.rank(one["history"], one["candidates"]).tolist() for one in requests]
    return {"vectors": student.encode_items(texts).tolist(), "scores": scores}


def require_golden(student: Answering, files: Files, precision: str) -> None:
    """Raise where the student answers otherwise than it did where it was made.

    Raises:
        ArtifactError: an answer differs, or the artifact carries none for this precision.
    """
    where = files.folder / GOLDEN
    if GOLDEN not in files.manifest.files:
        raise ArtifactError(where, "no golden inputs", "an artifact that carries them", "Export it again.")
    content = json.loads(files.read(GOLDEN))
    try:
        texts, requests, expected = content["texts"], content["requests"], content["expected"][precision]
        found = answers(student, texts, requests)
        pairs = [(found["vectors"], expected["vectors"])]
        pairs.append((list(chain(*found["scores"])), list(chain(*expected["scores"]))))
    except (KeyError, TypeError) as error:
        raise ArtifactError(where, f"lacks {error}", "golden inputs of every precision", AGAIN) from error
    limit = TOLERANCE.get(precision, COARSE)
    for name, (ours, theirs) in zip(("item vectors", "scores"), pairs, strict=True):
        difference = _difference(np.asarray(ours), np.asarray(theirs))
        if not difference <= limit:
            raise ArtifactError(
                where,
                f"{name} in {precision} differ on this machine by {difference:.3g} of their standard deviation",
                f"at most {limit:g}",
                "Load another precision here, or export on a machine like this one.",
            )


def _difference(ours: Any, theirs: Any) -> float:
    if ours.shape != theirs.shape:
        return float("inf")
    return float(np.abs(ours - theirs).max(initial=0.0) / max(float(theirs.std()), 1e-12)) if theirs.size else 0.0
