"""How alike teacher and student rank, and where they differ most, by title."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from distill_rec.data.dataset import Dataset, Queries
from distill_rec.evaluation.protocol import Samples
from distill_rec.evaluation.results import Agreement, Example
from distill_rec.evaluation.scorer import Scorer, catalogue_scores

TOP = 10
DEPTH = 100
MOST_USERS = 1000


def history_scores(scorer: Scorer, samples: Samples, rows: NDArray[np.int64], n_items: int) -> NDArray[np.float32]:
    """Scores of the whole catalogue `[n, n_items]`; what the user has seen is left out."""
    history = samples.history.take(rows)
    seen = samples.excluded(rows) if isinstance(samples, Queries) else history
    scores = catalogue_scores(scorer, history, n_items)
    scores[np.repeat(np.arange(len(rows)), seen.lengths), seen.values] = -np.inf
    return np.asarray(scores)


def drawn_rows(samples: Samples, seed: int, most: int = MOST_USERS) -> NDArray[np.int64]:
    """One sample per user, of at most so many users, drawn."""
    _, first = np.unique(samples.user, return_index=True)
    return np.sort(np.random.default_rng(seed).permutation(first)[:most])


def _tau(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Kendall's tau-b of two short lists of scores; 1 where all of one are equal."""
    if len(a) < 3:  # of two the library divides by zero
        return float(np.sign(a[0] - a[1]) * np.sign(b[0] - b[1]) or 1.0) if len(a) == 2 else 1.0
    tau = float(kendalltau(a, b, method="asymptotic").statistic)  # the method is that of a p-value, which is not read
    return tau if np.isfinite(tau) else 1.0


def agreement(teacher: Scorer, student: Scorer, samples: Samples, n_items: int, seed: int) -> Agreement | None:
    """Mean overlap of the top 10 and Kendall's tau over the teacher's top 100; None for an empty test."""
    rows = drawn_rows(samples, seed)
    overlaps, taus = [], []
    for start in range(0, len(rows), 64):
        block = rows[start : start + 64]
        ours, theirs = (history_scores(one, samples, block, n_items) for one in (student, teacher))
        for a, b in zip(ours, theirs, strict=True):
            top = np.argsort(-b, kind="stable")[:DEPTH]
            overlaps.append(len(np.intersect1d(np.argsort(-a, kind="stable")[:TOP], top[:TOP])) / min(TOP, len(a)))
            finite = top[np.isfinite(b[top])]
            taus.append(_tau(a[finite], b[finite]))
    if not overlaps:
        return None
    return Agreement(overlap=float(np.mean(overlaps)), kendall=float(np.mean(taus)), users=len(overlaps))


def disagreements(
    teacher: Scorer, student: Scorer, samples: Samples, dataset: Dataset, count: int, seed: int
) -> list[Example]:
    """The users whose top 10 overlap least, one sample each, by title."""
    rows = drawn_rows(samples, seed)
    titles = dataset.items["title"].to_list()
    found: list[tuple[float, int, list[int], list[int], float | None, float | None]] = []
    for start in range(0, len(rows), 64):
        block = rows[start : start + 64]
        ours, theirs = (history_scores(one, samples, block, dataset.n_items) for one in (student, teacher))
        for row, a, b in zip(block, ours, theirs, strict=True):
            top, other = np.argsort(-a, kind="stable")[:TOP], np.argsort(-b, kind="stable")[:TOP]
            ranks: list[float | None] = [None, None]
            if isinstance(samples, Queries):
                target = int(samples.target[row])
                ranks = [float(1 + (x > x[target]).sum()) for x in (b, a)]
            overlap = len(np.intersect1d(top, other)) / max(len(top), 1)
            found.append((overlap, int(row), other.tolist(), top.tolist(), ranks[0], ranks[1]))
    found.sort(key=lambda example: example[:2])
    out = []
    for overlap, row, teachers, students, teacher_rank, student_rank in found[:count]:
        target_title = titles[int(samples.target[row])] if isinstance(samples, Queries) else ""
        out.append(
            Example(
                user=str(dataset.users["user_id"][int(samples.user[row])]),
                history=[titles[int(item)] for item in samples.history[row][-5:]],
                target=target_title,
                teacher=[titles[item] for item in teachers],
                student=[titles[item] for item in students],
                overlap=overlap,
                teacher_rank=teacher_rank,
                student_rank=student_rank,
            )
        )
    return out
