"""How far an exported student is from torch, on real items and histories; `gates` holds the limits."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import pearsonr, rankdata

from distill_rec.data.dataset import Dataset, Sequences
from distill_rec.data.ragged import Ragged
from distill_rec.data.slices import Rows
from distill_rec.evaluation.terms import add_to_catalogue
from distill_rec.runtime import Student
from distill_rec.runtime.errors import ArtifactError
from distill_rec.student_model import StudentModel

TOP = 10
LONG = 16
TOGETHER = 64
ODD_TEXTS = ["", "zzzz \x07 \U0001f600", "Tom &amp;amp; Jerry&#39;s"]


@dataclass(frozen=True)
class Parity:
    """What was compared, and how far apart it was.

    Attributes:
        samples: real histories, each with scores of the whole catalogue.
        long: further ones, longer than what is read of a history, so that both must cut them alike.
        texts: real texts of the catalogue, two odd ones beside.
        scores: largest difference of two scores over the scores' standard deviation.
        items: largest distance of two text vectors over the vectors' root mean square length.
        batch: largest distance between the export's vectors of a text alone and among 63 others, over its length.
        rank_correlation: smallest Spearman correlation of a history's scores.
        swapped: histories whose top 10 differ other than between scores closer than twice the largest difference.
    """

    samples: int
    long: int
    texts: int
    scores: float
    items: float
    batch: float
    rank_correlation: float
    swapped: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"top": TOP}


def measure_parity(student: Student, model: StudentModel, dataset: Dataset, samples: int, seed: int = 0) -> Parity:
    """Compare on this many real histories (an empty one and some that are too long beside) and as many items.

    Scores are end to end: the drawn items are encoded anew from their texts by the exported encoder, their offsets
    added, beside the stored vectors of the others.
    """
    generator = np.random.default_rng(seed)
    real = real_histories(dataset, samples, generator)
    long = long_histories(real, student.max_history, dataset.n_items, generator)
    history = Ragged.from_rows([*real, *long])
    rows = generator.choice(dataset.n_items, min(samples, dataset.n_items), replace=False)
    texts = [dataset.texts[text] for text in dataset.item_text[rows]] + ODD_TEXTS
    ours, theirs = student.encode_items(texts), model.encode_texts(texts)
    catalogue = student.item_vectors.copy()
    catalogue[rows] = ours[: len(rows)] + (0 if model.offsets is None else model.offsets[rows])
    ids = student.item_ids
    users = np.stack([student.encode_user([ids[item] for item in row]) for row in history])
    scores, torch_scores = users @ catalogue.T, model.user_vectors(history) @ model.item_vectors.T
    _add_terms(student, history, scores)
    read = Ragged.from_rows([row[-student.max_history :] for row in history])
    add_to_catalogue(model.repeat, read, torch_scores, transitions=model.transitions)
    difference = np.abs(scores - torch_scores)
    largest = float(difference.max())
    pairs = list(zip(scores, torch_scores, strict=True))
    return Parity(
        samples=len(real) - 1,
        long=len(long),
        texts=len(rows),
        scores=largest / max(float(torch_scores.std()), 1e-12),
        items=float(np.linalg.norm(ours - theirs, axis=1).max()) / max(_length(theirs), 1e-12),
        batch=_batch_difference(student, texts[-TOGETHER:]),
        rank_correlation=min(_spearman(a, b) for a, b in pairs),
        swapped=sum(_swapped(a, b, 2 * largest) for a, b in pairs),
    )


def _add_terms(student: Student, history: Ragged, scores: NDArray[Any]) -> None:
    """Add what the export's own terms say of each history to its scores, in place."""
    if student.repeat is None and student.transition_term is None:
        return
    ids = student.item_ids
    place = {item: row for row, item in enumerate(ids)}
    for number, row in enumerate(history):
        clicked = [ids[one] for one in row]
        for item, add in [*student.repeats(clicked).items(), *student.transitions(clicked).items()]:
            scores[number, place[item]] += add


def _batch_difference(student: Student, texts: list[str]) -> float:
    """How far company moves a text's vector; an encoder that scales by what is in the batch is moved by percents."""
    together = student.encode_items(texts)
    alone = np.concatenate([student.encode_items([text]) for text in texts])
    lengths = np.maximum(np.linalg.norm(alone, axis=1), 1e-12)
    return float((np.linalg.norm(together - alone, axis=1) / lengths).max())


def _length(vectors: NDArray[Any]) -> float:
    """Root mean square length."""
    return float(np.sqrt((vectors**2).sum(1).mean()))


def real_histories(dataset: Dataset, samples: int, generator: np.random.Generator) -> Ragged:
    """An empty history and drawn ones, of the test, else of validation, else (there are no such users) of training."""
    train = dataset.train.items if isinstance(dataset.train, Sequences) else dataset.train.history
    pools: list[Rows] = [dataset.test.history, dataset.validation.history, train]
    pool = next((pool for pool in pools if len(pool)), None)
    if pool is None:
        raise ArtifactError("export", "no histories to compare on", "a data set with clicks", "Nothing was published.")
    drawn = generator.choice(len(pool), samples, replace=len(pool) < samples)
    return Ragged.from_rows([[], *pool.take(drawn)])


def long_histories(
    real: Ragged, most: int, n_items: int, generator: np.random.Generator, count: int = LONG
) -> list[NDArray[Any]]:
    """Histories of up to twice the `most` clicks that are read: real ones, one behind the other."""
    clicks = real.values if len(real.values) else np.arange(n_items)
    lengths = most + generator.integers(1, most + 1, count)
    starts = generator.integers(0, len(clicks), count)
    return [np.resize(np.roll(clicks, -start), length) for start, length in zip(starts, lengths, strict=True)]


def _spearman(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Of ordinal ranks: equal scores, as those of an empty history may all be, stand in the order of the catalogue."""
    ranks = [rankdata(x, method="ordinal") for x in (a, b)]
    return float(pearsonr(*ranks).statistic) if len(a) > 1 else 1.0


def _swapped(ours: NDArray[Any], theirs: NDArray[Any], tolerance: float) -> bool:
    """Whether the top 10 differ by more than near-ties: by torch's scores, place by place."""
    top, other = (np.argsort(-x, kind="stable")[:TOP] for x in (ours, theirs))
    return bool((np.abs(theirs[top] - theirs[other]) > tolerance).any())
