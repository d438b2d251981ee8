"""The gate before publication: the exported student must score as torch does, on real items and histories."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.dataset import Dataset
from distill_rec.data.ragged import Ragged
from distill_rec.runtime import Student
from distill_rec.runtime.errors import ArtifactError
from distill_rec.students import StudentModel

LIMIT = 1e-4
TOP = 10


@dataclass(frozen=True)
class Parity:
    """What was compared, and how far apart it was.

    Attributes:
        scores: largest difference of two scores over the scores' standard deviation.
        items: largest distance of two text vectors over the vectors' root mean square length.
        rank_correlation: smallest Spearman correlation of a history's scores.
        swapped: histories whose top 10 differ other than between scores closer than twice the largest difference.
    """

    samples: int
    scores: float
    items: float
    rank_correlation: float
    swapped: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"limit": LIMIT}


def measure_parity(student: Student, model: StudentModel, dataset: Dataset, samples: int, seed: int = 0) -> Parity:
    """Compare on this many real histories (one of them empty) and as many texts of the catalogue."""
    generator = np.random.default_rng(seed)
    history = _histories(dataset, samples, generator)
    torch_scores = model.user_vectors(history) @ model.item_vectors.T
    ids = student.item_ids
    users = np.stack([student.encode_user([ids[item] for item in row]) for row in history])
    scores = users @ student.item_vectors.T
    rows = generator.choice(len(dataset.texts), min(samples, len(dataset.texts)), replace=False)
    texts = [dataset.texts[row] for row in rows] + ["", "zzzz \x07 \U0001f600"]
    ours, theirs = student.encode_items(texts), model.encode_texts(texts)
    length = float(np.sqrt((theirs**2).sum(1).mean()))
    difference = np.abs(scores - torch_scores)
    return Parity(
        samples=len(history),
        scores=float(difference.max() / max(torch_scores.std(), 1e-12)),
        items=float(np.linalg.norm(ours - theirs, axis=1).max() / max(length, 1e-12)),
        rank_correlation=min(_spearman(a, b) for a, b in zip(scores, torch_scores, strict=True)),
        swapped=sum(_swapped(a, b, 2 * float(difference.max())) for a, b in zip(scores, torch_scores, strict=True)),
    )


def _histories(dataset: Dataset, samples: int, generator: np.random.Generator) -> Ragged:
    pool = dataset.test.history if len(dataset.test) else dataset.validation.history
    drawn = generator.choice(len(pool), samples - 1, replace=len(pool) < samples - 1)
    return Ragged.from_rows([[], *pool.take(drawn)])


def _spearman(a: NDArray[Any], b: NDArray[Any]) -> float:
    ranks = [np.argsort(np.argsort(x, kind="stable"), kind="stable") for x in (a, b)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1]) if len(a) > 1 else 1.0


def _swapped(ours: NDArray[Any], theirs: NDArray[Any], tolerance: float) -> bool:
    """Whether the top 10 differ by more than near-ties: by torch's scores, place by place."""
    top, other = (np.argsort(-x, kind="stable")[:TOP] for x in (ours, theirs))
    return bool((np.abs(theirs[top] - theirs[other]) > tolerance).any())


def require_parity(parity: Parity) -> None:
    """Refuse an export that does not score as torch does.

    Raises:
        ArtifactError: with the figure and the limit.
    """
    for name, value in (("scores", parity.scores), ("item vectors", parity.items)):
        if not value <= LIMIT:
            raise ArtifactError(
                "export",
                f"{name} of the exported student differ from torch's by {value:.3g} (relative)",
                f"at most {LIMIT:g}",
                "Nothing was published.",
            )
    if parity.swapped:
        raise ArtifactError(
            "export", f"{parity.swapped} of {parity.samples} top-10 lists differ", "equal lists", "Nothing was published."
        )
