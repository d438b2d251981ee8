"""Ranking for histories over a catalogue: what a student does, and a teacher whose vectors were exported."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from distill_rec.artifact.errors import DataError
from distill_rec.artifact.transition import TransitionTerm
from distill_rec.runtime.arrays import Floats
from distill_rec.runtime.catalogue import Catalogue, Rows
from distill_rec.runtime.forks import watch
from distill_rec.runtime.index import ApproximateIndex
from distill_rec.runtime.repeat import RepeatTerm
from distill_rec.runtime.request import Request
from distill_rec.runtime.topk import best_among, best_of_many, dot_rows, slack_of
from distill_rec.runtime.user_encoders import UserEncoder

Unknown = Literal["skip", "refuse"]
Ranked = list[tuple[str, float]]
BLOCK = 64


class Ranker:
    """A catalogue and a user encoder. Thread-safe: reads need no lock, a change replaces the catalogue in one step.

    Scores are dot products of item and user vectors, to which a model with a repeat term adds its number for items of
    the history, and one with a transition term its numbers for items that followed these; only their order within one
    request has a meaning.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        user_encoder: UserEncoder,
        max_history: int,
        repeat: RepeatTerm | None = None,
        transitions: TransitionTerm | None = None,
    ) -> None:
        self._catalogue, self._users, self._max_history = catalogue, user_encoder, max_history
        self._repeat, self._transitions = repeat, transitions
        self._index: ApproximateIndex | None = None
        self._skipped = 0
        self.after_fork()
        watch(self)

    def after_fork(self) -> None:
        """A lock that another thread held at the fork would be held for ever in the child."""
        self._changing, self._counting = threading.Lock(), threading.Lock()

    def __contains__(self, item: object) -> bool:
        """Whether an item of this id can be recommended."""
        return item in self._catalogue

    @property
    def item_ids(self) -> list[str]:
        """Of all rows of `item_vectors`, removed items among them."""
        return list(self._catalogue.ids)

    @property
    def removed_ids(self) -> frozenset[str]:
        """Items that are never recommended and still count in histories."""
        return self._catalogue.removed

    @property
    def item_vectors(self) -> Floats:
        """float32 `[n_items, dim]`, read-only, offsets included, in the order of `item_ids`."""
        vectors = self._catalogue.scored.whole().view()
        vectors.flags.writeable = False
        return vectors

    @property
    def max_history(self) -> int:
        """Clicks of a history that are read, the most recent ones; those before are still left out of what is found."""
        return self._max_history

    @property
    def repeat(self) -> Floats | None:
        """Numbers of the repeat term, by how long ago (`distill_rec.artifact.repeat`); None where there is none."""
        return None if self._repeat is None else self._repeat.numbers.copy()

    @property
    def transition_term(self) -> TransitionTerm | None:
        """Followers of the catalogue's first items, in the order of `item_ids`; None where there is no such term."""
        return self._transitions

    @property
    def skipped(self) -> int:
        """Unknown items that histories have named so far."""
        return self._skipped

    def encode_user(self, history: Sequence[str], unknown: Unknown = "skip") -> Floats:
        """User vector `[dim]` of item ids, oldest first; for a vector index of one's own, beside `repeats` and
        `transitions`.

        Args:
            unknown: "skip" leaves unknown items out and counts them (see `skipped`); "refuse" raises.

        Raises:
            DataError: an item is unknown and `unknown` is "refuse".
        """
        return self._user(self._catalogue, self._read(self._catalogue, history, unknown))

    def repeats(self, history: Sequence[str], unknown: Unknown = "skip") -> dict[str, float]:
        """What the repeat term adds to the score of each item of a history; nothing where there is no such term."""
        catalogue = self._catalogue
        read = self._read(catalogue, history, unknown)
        if self._repeat is None:
            return {}
        rows = np.unique(read)
        return dict(zip([catalogue.ids[row] for row in rows], self._repeat.of(read, rows).tolist(), strict=True))

    def transitions(self, history: Sequence[str], unknown: Unknown = "skip") -> dict[str, float]:
        """What the transition term adds to the scores of items after a history; to none where there is no such term."""
        catalogue = self._catalogue
        rows, numbers = self._followers([self._read(catalogue, history, unknown)])[0]
        return dict(zip([catalogue.ids[row] for row in rows.tolist()], numbers.tolist(), strict=True))

    def _followers(self, read: list[Rows]) -> list[tuple[Rows, Floats]]:
        """Of each history the rows, ascending, that the transition term adds to, and what it adds."""
        if self._transitions is None:
            return [(np.empty(0, np.int64), np.empty(0, np.float32))] * len(read)
        offsets = np.concatenate([[0], np.cumsum([len(rows) for rows in read])])
        place, rows, numbers = self._transitions.added(np.concatenate(read), offsets)
        ends = np.searchsorted(place, np.arange(1, len(read)))
        return list(zip(np.split(rows, ends), np.split(numbers, ends), strict=True))

    def _read(self, catalogue: Catalogue, history: Sequence[str], unknown: Unknown) -> Rows:
        """Rows of a history's last clicks."""
        require_list(history, "history")
        if unknown not in ("skip", "refuse"):
            raise DataError("unknown", repr(unknown), "'skip' or 'refuse'")
        rows = catalogue.known_rows(history)
        if len(rows) < len(history):
            if unknown == "refuse":
                catalogue.rows([item for item in history if item not in catalogue.place][:1], "history")
            with self._counting:
                self._skipped += len(history) - len(rows)
        return rows[-self._max_history :]

    def _user(self, catalogue: Catalogue, rows: Rows) -> Floats:
        prepared = None if catalogue.prepared is None else catalogue.prepared[rows]
        return self._users.encode(catalogue.vectors[rows], prepared)[: catalogue.scored.dim]

    def rank(self, history: Sequence[str], candidates: Sequence[str], unknown: Unknown = "skip") -> Floats:
        """Scores `[n_candidates]`, in the order of `candidates`.

        Raises:
            DataError: a candidate is not in the catalogue.
        """
        catalogue = self._catalogue
        require_list(candidates, "candidates")
        read = self._read(catalogue, history, unknown)
        user = self._user(catalogue, read)
        added = self._followers([read])[0]
        return self._scores(catalogue, user, read, catalogue.rows(candidates, "candidates"), added)

    def _scores(self, catalogue: Catalogue, user: Floats, read: Rows, rows: Rows, added: tuple[Rows, Floats]) -> Floats:
        """Scores `[n]` of rows for a user who clicked `read`, whose followers get what is `added`."""
        scores = dot_rows(catalogue.scored[rows], user)
        if self._repeat is not None:
            scores += self._repeat.of(read, rows)
        followers, numbers = added
        if len(followers):
            place = np.minimum(np.searchsorted(followers, rows), len(followers) - 1)
            scores += np.where(followers[place] == rows, numbers[place], np.float32(0))
        return scores

    def rank_many(
        self, requests: Sequence[tuple[Sequence[str], Sequence[str]]], unknown: Unknown = "skip"
    ) -> list[Floats]:
        """Scores of many (history, candidates) pairs."""
        return [self.rank(history, candidates, unknown) for history, candidates in requests]

    def recommend(
        self,
        history: Sequence[str],
        k: int = 10,
        exclude: Sequence[str] = (),
        only: Sequence[str] | None = None,
        unknown: Unknown = "skip",
        seen: bool = False,
    ) -> Ranked:
        """The best k items with their scores; items of the history are left out unless they are asked for.

        Args:
            k: from 1 to the number of items in the catalogue.
            exclude: further items to leave out; unknown ones are ignored.
            only: rank among these alone.
            seen: rank the history's own items too. For people who come back to what they know, with a student whose
                repeat term has learned how often they do.

        Returns:
            k pairs, best first, equal scores in the catalogue's order; fewer where fewer are left.

        Raises:
            DataError: k is out of its range, or an item of `only` is not in the catalogue.
        """
        return self._recommend(self._catalogue, [Request(history, k, exclude, only, seen)], unknown)[0]

    def recommend_many(
        self,
        requests: Sequence[Request | Sequence[str]],
        k: int = 10,
        exclude: Sequence[str] = (),
        only: Sequence[str] | None = None,
        unknown: Unknown = "skip",
        seen: bool = False,
    ) -> list[Ranked]:
        """`recommend` for many users at once; scores of a block of users are one matrix product.

        Args:
            requests: histories, which share `k`, `exclude`, `only` and `seen`, or `Request`s with their own.
        """
        catalogue = self._catalogue
        require_list(requests, "requests")
        asked = [one if isinstance(one, Request) else Request(one, k, exclude, only, seen) for one in requests]
        out: list[Ranked] = []
        for start in range(0, len(asked), BLOCK):
            out += self._recommend(catalogue, asked[start : start + BLOCK], unknown)
        return out

    def _recommend(self, catalogue: Catalogue, requests: list[Request], unknown: Unknown) -> list[Ranked]:
        for one in requests:
            _require_k(one.k, catalogue)
            require_list(one.exclude, "exclude")
            if one.only is not None:
                require_list(one.only, "only")
        read = [self._read(catalogue, one.history, unknown) for one in requests]
        users = np.stack([self._user(catalogue, rows) for rows in read])
        few = [self._few(catalogue, user, one) for user, one in zip(users, requests, strict=True)]
        whole = [place for place, rows in enumerate(few) if rows is None]
        scanned = iter(_scan(catalogue, users[whole], [requests[place] for place in whole]))
        found = [
            next(scanned) if rows is None else _named(catalogue, *best_among(catalogue.scored, user, rows, one.k))
            for one, user, rows in zip(requests, users, few, strict=True)
        ]
        if self._transitions is None and not any(one.seen for one in requests):
            return found
        added = self._followers(read)
        return [
            self._with_terms(catalogue, one, *rest) if one.seen or len(rest[-2][0]) else rest[-1]
            for one, *rest in zip(requests, users, read, added, found, strict=True)
        ]

    def _with_terms(  # noqa: PLR0913
        self,
        catalogue: Catalogue,
        request: Request,
        user: Floats,
        read: Rows,
        added: tuple[Rows, Floats],
        others: Ranked,
    ) -> Ranked:
        """Put what a term adds to among the best of the others.

        Nothing is subtracted from followers, so one of the others that is among the best with the terms was among the
        best without; the history's own items are not among the others.

        Args:
            added: see `_followers`.
            others: the best by their vectors, the history left out.
        """
        clicked = np.unique(catalogue.known_rows(request.history))
        rows = np.union1d(added[0], clicked) if request.seen else added[0]
        kept = np.ones(len(rows), dtype=np.bool_) if request.seen else ~_within(rows, clicked)
        if len(request.exclude):
            kept &= ~_within(rows, np.unique(catalogue.known_rows(request.exclude, "exclude")))
        if catalogue.hidden is not None:
            kept &= ~_within(rows, catalogue.hidden)
        if request.only is not None:
            kept &= _within(rows, np.unique(catalogue.rows(request.only, "only")))
        rows = rows[kept]
        scores = self._scores(catalogue, user, read, rows, added)
        if len(others) == request.k:  # k items have at least the last one's score already
            high = scores >= others[-1][1]
            rows, scores = rows[high], scores[high]
        own = _named(catalogue, rows, scores)
        names = {name for name, _ in own}
        both = [one for one in others if one[0] not in names] + own
        return sorted(both, key=lambda one: (-one[1], catalogue.place[one[0]]))[: request.k]

    def _few(self, catalogue: Catalogue, user: Floats, request: Request) -> Rows | None:
        """Rows, ascending, among which the best are sought; None where all have to be looked at."""
        if request.only is not None:
            return np.setdiff1d(catalogue.rows(request.only, "only"), catalogue.left_out(request))
        return None if self._index is None else self._index.near(catalogue, user, request)

    def explain(self, history: Sequence[str], item: str) -> Ranked:
        """Which items of the history pulled this item up, strongest first.

        Each click's share of the user vector times its product with the item, and what a transition term adds for that
        click. With the `mean` and `attention` user
        encoders the shares add up to the score, less what a repeat term adds to an item of the history. With `causal` a
        click's share is the attention that the last position of the last layer pays it, which leaves out what the
        layers did on the way: a hint, not a sum. With `gru`, `nrms` and the merged encoders of several teachers it
        is how far the user vector moves without the click: a hint too.

        Raises:
            DataError: the item is not in the catalogue.
        """
        catalogue = self._catalogue
        target = catalogue.scored[catalogue.rows([item], "item")][0]
        rows = self._read(catalogue, history, "skip")
        if not len(rows):
            return []
        clicked = catalogue.vectors[rows]
        shares = self._users.shares(clicked, None if catalogue.prepared is None else catalogue.prepared[rows])
        pulls = shares * (clicked[:, : len(target)] @ target)
        if self._transitions is not None:
            pulls += self._transitions.by_click(rows, catalogue.place[item])
        order = np.argsort(-pulls, kind="stable")
        return [(catalogue.ids[rows[place]], float(pulls[place])) for place in order]


def _scan(catalogue: Catalogue, users: Floats, requests: list[Request]) -> list[Ranked]:
    """The best of the whole catalogue for each user."""
    if not requests:
        return []
    found = best_of_many(
        catalogue.scored,
        users,
        max(one.k for one in requests),
        [slack_of(len(user), catalogue.longest, user) for user in users],
        [catalogue.left_out(one) for one in requests],
        catalogue.hidden,
    )
    return [
        _named(catalogue, rows[: one.k], scores[: one.k]) for one, (rows, scores) in zip(requests, found, strict=True)
    ]


def _within(rows: Rows, of: Rows) -> NDArray[np.bool_]:
    """Which rows are among others, which ascend."""
    if not len(of):
        return np.zeros(len(rows), dtype=np.bool_)
    return np.asarray(of[np.minimum(np.searchsorted(of, rows), len(of) - 1)] == rows)


def _named(catalogue: Catalogue, rows: Rows, scores: Floats) -> Ranked:
    return [(catalogue.ids[row], score) for row, score in zip(rows.tolist(), scores.tolist(), strict=True)]


def _require_k(k: int, catalogue: Catalogue) -> None:
    if type(k) is not int or not 1 <= k <= len(catalogue):
        raise DataError("k", str(k), f"from 1 to the catalogue's {len(catalogue)} items")


def require_list(values: Sequence[Any], what: str) -> None:
    """A text is a sequence too, of its letters: `history="150"` would be three items."""
    if isinstance(values, str | bytes):
        raise DataError(what, f"the text {values!r}", "a list", f"Write [{values!r}].")
