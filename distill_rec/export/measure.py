"""What a written precision does on real data: parity, nDCG@10, spread, size, speed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from distill_rec.artifact.manifest import Manifest
from distill_rec.data.dataset import Dataset, Impressions, Queries
from distill_rec.data.ragged import Ragged
from distill_rec.evaluation.cost import measure_student, served_bytes
from distill_rec.evaluation.metrics import CATALOGUE, IMPRESSIONS
from distill_rec.evaluation.protocol import evaluate, user_means, validation_metric, validation_ranks_seen
from distill_rec.evaluation.scorer import DotScorer, Scorer
from distill_rec.export.gates import Measured, spread_of
from distill_rec.export.parity import measure_parity
from distill_rec.progress import Task
from distill_rec.runtime import Student
from distill_rec.student_model import StudentModel

VALIDATION_SAMPLES = 2000


@dataclass(frozen=True)
class Yardstick:
    """What every precision is measured against.

    Attributes:
        samples: of the validation data, drawn where there are many.
        torch_ndcg: the trained student's nDCG@10 on them.
        teacher_ndcg: the teacher's; None where there is none.
        leave_out_seen: as the student is validated, and so all that it is compared with.
        teacher: as it was judged; None where there is none.
    """

    model: StudentModel
    dataset: Dataset
    samples: Queries | Impressions
    torch_ndcg: float
    teacher_ndcg: float | None
    leave_out_seen: bool = True
    teacher: Scorer | None = None

    @staticmethod
    def of(model: StudentModel, dataset: Dataset, teacher: Scorer | None) -> Yardstick:
        samples = dataset.validation
        if len(samples) > VALIDATION_SAMPLES:
            drawn = np.random.default_rng(0).choice(len(samples), VALIDATION_SAMPLES, replace=False)
            samples = samples.take(np.sort(drawn))
        student = model.scorer("student")
        left = not validation_ranks_seen(student, dataset)
        ours, theirs = (
            None if one is None else validation_metric(one, samples, dataset, leave_out_seen=left)
            for one in (student, teacher)
        )
        assert ours is not None
        return Yardstick(model, dataset, samples, ours, theirs, left, teacher)


def measure(folder: Path, precision: str, yardstick: Yardstick, parity_samples: int) -> Measured:
    """Measure one precision of a written artifact; items that parity draws are encoded anew from their texts."""
    student, model, dataset = Student.load(folder, precision=precision), yardstick.model, yardstick.dataset
    parity = measure_parity(student, model, dataset, parity_samples)
    scorer = exported_scorer(student, model, dataset, parity_samples)
    cost = measure_student(folder, precision, dataset)
    return Measured(
        precision=precision,
        parity=parity,
        ndcg=validation_metric(scorer, yardstick.samples, dataset, leave_out_seen=yardstick.leave_out_seen),
        torch_ndcg=yardstick.torch_ndcg,
        spread=spread_of(scorer.item_vectors),
        text_spread=text_spread(student, dataset, parity_samples),
        bytes=served_bytes(Manifest.read(folder), precision),
        p50_ms=cost.p50_ms,
        p99_ms=cost.p99_ms,
        items_per_second=cost.items_per_second,
    )


def text_spread(student: Student, dataset: Dataset, samples: int) -> float | None:
    """`spread_of` the vectors of drawn texts, no two alike; None where the catalogue has one text or none."""
    if len(dataset.texts) < 2:
        return None
    drawn = np.random.default_rng(3).choice(len(dataset.texts), min(samples, len(dataset.texts)), replace=False)
    return spread_of(student.encode_items([dataset.texts[text] for text in drawn]))


def exported_scorer(student: Student, model: StudentModel, dataset: Dataset, encoded: int) -> DotScorer:
    """The exported student as the evaluation sees it.

    Args:
        encoded: items drawn whose vectors are not the catalogue's but come from their texts, as a new item's do.
    """
    vectors = student.item_vectors.copy()
    rows = np.random.default_rng(1).choice(dataset.n_items, min(encoded, dataset.n_items), replace=False)
    texts = student.encode_items([dataset.texts[text] for text in dataset.item_text[rows]])
    vectors[rows] = texts + (0 if model.offsets is None else model.offsets[rows, : vectors.shape[1]])
    ids = student.item_ids

    def users(history: Ragged) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        distinct, number = history.distinct(student.max_history)
        return np.stack([student.encode_user([ids[item] for item in row]) for row in distinct])[number]

    return DotScorer(f"student, {student.info.precision}", vectors, users, student.repeat, student.transition_term)


def watched(scorer: Scorer, task: Task) -> Scorer:
    """The same; the task advances by the histories that are encoded."""
    if not isinstance(scorer, DotScorer):
        return scorer

    def users(history: Ragged) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        found = scorer.user_vectors(history)
        task.advance(len(history))
        return found

    return replace(scorer, user_vectors=users)


def test_metrics(scorer: Scorer, dataset: Dataset) -> dict[str, float]:
    """Means over users of every metric of the test; empty where there is no test."""
    if not len(dataset.test):
        return {}
    found = evaluate(scorer, dataset.test, dataset)
    names = CATALOGUE if isinstance(dataset.test, Queries) else IMPRESSIONS
    means = {name: user_means(found.user, found.values[name]) for name in names}
    return {name: float(values.mean()) for name, values in means.items() if len(values)}
