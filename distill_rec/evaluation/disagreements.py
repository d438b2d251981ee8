"""Where teacher and student differ most, by title."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.dataset import Dataset, Queries
from distill_rec.evaluation.alike import overlap
from distill_rec.evaluation.protocol import Samples
from distill_rec.evaluation.results import Example
from distill_rec.evaluation.scorer import Scorer
from distill_rec.evaluation.top_lists import unseen_scores

Items = NDArray[np.int64]


def disagreements(  # noqa: PLR0913
    teacher: tuple[Scorer, Items],
    student: tuple[Scorer, Items],
    samples: Samples,
    rows: NDArray[np.int64],
    dataset: Dataset,
    count: int,
) -> list[Example]:
    """The samples whose top 10 overlap least.

    Args:
        teacher, student: each model with its lists `[n, 10]`, -1 where one is shorter.
        rows: the sample of each list.
    """
    lists = [[one[one >= 0] for one in items] for _, items in (teacher, student)]
    overlaps = np.array([overlap(ours, theirs) for theirs, ours in zip(*lists, strict=True)])
    worst = np.lexsort((rows, overlaps))[:count]
    titles = dataset.items["title"].to_list()
    ranks = [_target_ranks(model, samples, rows[worst], dataset) for model, _ in (teacher, student)]
    out = []
    for number, place in enumerate(worst):
        row = int(rows[place])
        teachers, students = ([titles[item] for item in one[place]] for one in lists)
        out.append(
            Example(
                user=str(dataset.users["user_id"][int(samples.user[row])]),
                history=[titles[int(item)] for item in samples.history.take([row]).values[-5:]],
                target=titles[int(samples.target[row])] if isinstance(samples, Queries) else "",
                teacher=teachers,
                student=students,
                overlap=float(overlaps[place]),
                teacher_rank=ranks[0][number],
                student_rank=ranks[1][number],
            )
        )
    return out


def _target_ranks(scorer: Scorer, samples: Samples, rows: Items, dataset: Dataset) -> list[float | None]:
    """Of each sample's target among what its user has not seen; None where there is no one target."""
    if not isinstance(samples, Queries):
        return [None] * len(rows)
    out: list[float | None] = []
    for row in rows:  # one at a time: a block of a large catalogue would be hundreds of megabytes
        scores = unseen_scores(scorer, samples, np.array([row]), dataset.n_items)[0]
        out.append(float(1 + (scores > scores[int(samples.target[row])]).sum()))
    return out
