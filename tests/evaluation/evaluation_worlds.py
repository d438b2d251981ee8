"""Small data sets made of arrays, without reading a file."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from distill_rec.data.dataset import Dataset, Impressions, Queries, Sequences
from distill_rec.data.ragged import Ragged
from distill_rec.evaluation.scorer import DotScorer, Scorer


def make_dataset(
    train_clicks: list[int],
    test: Queries | Impressions,
    test_new: Queries | Impressions | None = None,
    new: list[int] | None = None,
) -> Dataset:
    n, users = len(train_clicks), int(max(test.user, default=0)) + 1
    none = Ragged.from_rows([])
    clicks = isinstance(test, Queries)
    train = Sequences(np.empty(0, np.int32), none, none, none) if isinstance(test, Queries) else test.take(np.arange(0))
    return Dataset(
        kind="clicks" if clicks else "impressions",
        items=pl.DataFrame(
            {
                "item_id": [f"i{i}" for i in range(n)],
                "title": [f"Title {i}" for i in range(n)],
                "text": [f"Title {i}" for i in range(n)],
            }
        ),
        users=pl.DataFrame({"user_id": [f"u{i}" for i in range(users)]}),
        texts=[f"Title {i}" for i in range(n)],
        item_text=np.arange(n, dtype=np.int32),
        train_clicks=np.array(train_clicks, dtype=np.int32),
        new=np.isin(np.arange(n), new or []),
        train=train,
        validation=test,
        test=test,
        test_new=test_new,
        max_history=50,
        template="{title}",
        fingerprint="test",
    )


def queries(targets: list[int], exclude: list[list[int]] | None = None, users: list[int] | None = None) -> Queries:
    rows = exclude if exclude is not None else [[] for _ in targets]
    return Queries(
        user=np.array(users if users is not None else range(len(targets)), dtype=np.int32),
        time=np.zeros(len(targets), dtype=np.int64),
        target=np.array(targets, dtype=np.int32),
        history=Ragged.from_rows(rows),
        seen=Ragged.from_rows(rows),
    )


def impressions(candidates: list[list[int]], labels: list[list[int]], users: list[int]) -> Impressions:
    return Impressions(
        user=np.array(users, dtype=np.int32),
        time=np.zeros(len(users), dtype=np.int64),
        history=Ragged.from_rows([[] for _ in users]),
        candidates=Ragged.from_rows(candidates),
        labels=Ragged.from_rows(labels, dtype=np.int8),
    )


def fixed(name: str, item_scores: list[float] | NDArray[np.float32]) -> Scorer:
    """The same score of an item for everyone."""
    vectors = np.asarray(item_scores, dtype=np.float32)[:, None]
    return DotScorer(name, vectors, lambda history: np.ones((len(history), 1), dtype=np.float32))


def build_world(
    quality: dict[str, float], n_users: int = 300, n_items: int = 60, d: int = 8, seed: int = 0, new: int = 6
) -> tuple[Dataset, dict[str, Scorer]]:
    """Users who follow a direction, and models that know the items more (1) or less (0) well."""
    rng = np.random.default_rng(seed)
    items = rng.normal(size=(n_items, d)).astype(np.float32)
    tastes = rng.normal(size=(n_users, d)).astype(np.float32)
    old = n_items - new
    history = np.stack([rng.choice(old, 4, replace=False, p=softmax(items[:old] @ taste)) for taste in tastes])
    target = [draw(rng, items @ t, seen, old) for t, seen in zip(tastes, history, strict=True)]
    later = [old + draw(rng, items[old:] @ t, np.empty(0, np.int64), new) for t in tastes]
    clicks = np.bincount(history.ravel(), minlength=n_items).tolist()
    test, test_new = queries(target, history.tolist()), queries(later, history.tolist())
    dataset = make_dataset(clicks, test, test_new, list(range(old, n_items)))
    lookup = {tuple(row): taste for row, taste in zip(history.tolist(), tastes, strict=True)}

    def users(rows: Ragged) -> NDArray[np.float32]:
        return np.stack([lookup[tuple(row.tolist())] for row in rows])

    noise = rng.normal(size=items.shape).astype(np.float32)
    return dataset, {name: DotScorer(name, items * q + (1 - q) * noise, users) for name, q in quality.items()}


def softmax(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    weights = np.exp(scores.astype(np.float64) - scores.max())
    return np.asarray(weights / weights.sum())


def draw(rng: np.random.Generator, scores: NDArray[np.float32], seen: NDArray[np.int64], n: int) -> int:
    weights = softmax(2 * scores[:n])
    weights[seen] = 0
    return int(rng.choice(n, p=weights / weights.sum()))
