"""Which operations are timed, and how each is called."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_rec.bench.inputs import POOL, candidate_lists, histories, new_texts
from distill_rec.bench.results import Case, Settings
from distill_rec.bench.timing import Call, Prepared
from distill_rec.runtime import Student
from distill_rec.runtime.topk import best_of_many, slack_of

Floats = NDArray[np.float32]
NOISE = 0.1
"""Of the vectors' spread."""


def make_calls(student: Student, settings: Settings, threads: int) -> dict[Case, Call]:
    """Every case of the settings, ready to be called."""
    calls = _encoding(student, settings, threads)
    for length in settings.histories:
        calls |= _requests(student, settings, threads, length)
    own = len(student.item_ids)
    for items in sorted({own, *settings.items}):
        vectors = student.item_vectors if items == own else tiled(student.item_vectors, items)
        calls |= _searches(student, settings, threads, vectors)
        if items != own:
            calls |= _larger(student, settings, threads, vectors)
    return calls


def _encoding(student: Student, settings: Settings, threads: int) -> dict[Case, Call]:
    """Every call has texts that the student has not met: what it remembers of texts is not what new items take."""
    unseen = new_texts(student)

    def encode(batch: int) -> Call:
        return Prepared(lambda _: unseen.take(batch), student.encode_items)

    return {Case("encode_items", batch, 0, 0, threads): encode(batch) for batch in settings.batches}


def _requests(student: Student, settings: Settings, threads: int, length: int) -> dict[Case, Call]:
    """`rank` and `recommend`, alone and for many, over the artifact's own catalogue."""
    clicked, shown = histories(student, length), candidate_lists(student, settings.candidates)
    pairs = list(zip(clicked, shown, strict=True))
    own = len(student.item_ids)
    k = min(settings.k, own)
    many: dict[str, Any] = {
        "rank_many": lambda at, batch: student.rank_many(pairs[at : at + batch]),
        "recommend_many": lambda at, batch: student.recommend_many(clicked[at : at + batch], k=k),
    }
    calls: dict[Case, Call] = {
        Case("rank", 1, length, 0, threads): lambda n: student.rank(*pairs[n % POOL]),
        Case("recommend", 1, length, own, threads): lambda n: student.recommend(clicked[n % POOL], k=k),
    }
    for batch in _several(settings):
        for name, call in many.items():
            case = Case(name, batch, length, own if name == "recommend_many" else 0, threads)
            calls[case] = lambda n, call=call, batch=batch: call(_place(n, batch), batch)  # type: ignore[misc]
    return calls


class Search:
    """The runtime's exact search over these vectors."""

    def __init__(self, vectors: Floats, k: int) -> None:
        self.vectors, self.k = vectors, min(k, len(vectors))
        self.longest = float(np.linalg.norm(vectors, axis=1).max())

    def alone(self, user: Floats) -> object:
        return self.many(user[None])

    def many(self, users: Floats) -> object:
        slacks = [slack_of(len(user), self.longest, user) for user in users]
        return best_of_many(self.vectors, users, self.k, slacks, [np.empty(0, dtype=np.int64)] * len(users))


def _searches(student: Student, settings: Settings, threads: int, vectors: Floats) -> dict[Case, Call]:
    """The search alone, for users whose vectors are there."""
    search, clicked = Search(vectors, settings.k), histories(student, max(settings.histories, default=0))
    users = np.stack([student.encode_user(history) for history in clicked])
    calls: dict[Case, Call] = {Case("search", 1, 0, len(vectors), threads): lambda n: search.alone(users[n % POOL])}
    for batch in _several(settings):
        case = Case("search_many", batch, 0, len(vectors), threads)
        calls[case] = lambda n, batch=batch: search.many(users[_place(n, batch) :][:batch])  # type: ignore[misc]
    return calls


def _larger(student: Student, settings: Settings, threads: int, vectors: Floats) -> dict[Case, Call]:
    """`recommend` over another catalogue: the user's vector as the student makes it, and the search."""
    search, length = Search(vectors, settings.k), max(settings.histories, default=0)
    clicked = histories(student, length)

    def many(number: int, batch: int) -> object:
        part = clicked[_place(number, batch) :][:batch]
        return search.many(np.stack([student.encode_user(history) for history in part]))

    calls: dict[Case, Call] = {
        Case("recommend", 1, length, len(vectors), threads): lambda n: search.alone(
            student.encode_user(clicked[n % POOL])
        )
    }
    for batch in _several(settings):
        case = Case("recommend_many", batch, length, len(vectors), threads)
        calls[case] = lambda n, batch=batch: many(n, batch)  # type: ignore[misc]
    return calls


def _several(settings: Settings) -> list[int]:
    """Users of the calls for many."""
    return sorted({min(batch, POOL) for batch in settings.batches if batch > 1})


def _place(number: int, batch: int) -> int:
    """Where in the pool a call's inputs begin."""
    return number * batch % (POOL - batch + 1)


def tiled(vectors: Floats, items: int) -> Floats:
    """The catalogue repeated to `items` rows, each moved a little so that copies do not tie."""
    random = np.random.default_rng(0)
    whole = np.resize(vectors, (items, vectors.shape[1]))
    spread = np.float32(NOISE * float(vectors.std()))
    for start in range(0, items, 1 << 16):
        part = whole[start : start + (1 << 16)]
        part += spread * random.standard_normal(part.shape, dtype=np.float32)
    return whole
