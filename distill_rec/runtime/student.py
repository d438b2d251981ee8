"""A student in a service: load a folder, rank candidates, recommend items, add new ones."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from distill_rec.runtime.catalogue import Catalogue
from distill_rec.runtime.errors import DataError
from distill_rec.runtime.manifest import Files
from distill_rec.runtime.projection import Floats
from distill_rec.runtime.template import fields_of, render
from distill_rec.runtime.topk import best, dot_rows, slack_of
from distill_rec.runtime.user_encoders import UserEncoder

if TYPE_CHECKING:
    from distill_rec.runtime.loading import ItemEncoder

Item = str | Mapping[str, str]
Unknown = Literal["skip", "refuse"]
BLOCK = 64


@dataclass(frozen=True)
class StudentInfo:
    """What a service may want to log of the student that it runs."""

    folder: Path
    digest: str
    kind: str
    dim: int
    items: int
    metrics: dict[str, Any]


class Student:
    """An exported student. Thread-safe: reads need no lock, `add_items` replaces the catalogue in one step.

    Scores are dot products of item and user vectors; only their order within one request has a meaning.

    Example:
        >>> student = Student.load("runs/demo/export/student")
        >>> student.recommend(history=["1", "50"], k=10)  # [(item_id, score), ...]
    """

    def __init__(
        self, files: Files, item_encoder: ItemEncoder, user_encoder: UserEncoder, catalogue: Catalogue
    ) -> None:
        self._files, self._encoder, self._users, self._catalogue = files, item_encoder, user_encoder, catalogue
        self._fields = fields_of(files.manifest.template)
        self._adding, self._counting = threading.Lock(), threading.Lock()
        self._max_history = int(files.manifest.user_encoder["max_history"])
        self._skipped = 0

    @staticmethod
    def load(path: str | Path, threads: int | None = None, verify: bool = True) -> Student:
        """Read an artifact; the folder is resolved once, and only files below it are read.

        Args:
            path: `export/student` of a run, a version's folder, or a copy of one.
            threads: of onnxruntime (transformer students); its own choice where not given.
            verify: compare every file with the hash in the manifest.

        Raises:
            ArtifactError: a file is missing, damaged, of another format version, or leads out of the folder.
        """
        from distill_rec.runtime.loading import read_parts  # noqa: PLC0415  (imports late: importing us stays quick)

        files = Files(path, verify)
        parts = read_parts(files, threads)
        catalogue = Catalogue.of(parts.ids, parts.vectors, parts.user_encoder)
        return Student(files, parts.item_encoder, parts.user_encoder, catalogue)

    @property
    def info(self) -> StudentInfo:
        manifest = self._files.manifest
        items = len(self._catalogue.ids)
        return StudentInfo(self._files.folder, self._files.digest, manifest.kind, manifest.dim, items, manifest.metrics)

    @property
    def item_ids(self) -> list[str]:
        return list(self._catalogue.ids)

    @property
    def item_vectors(self) -> Floats:
        """`[n_items, dim]`, offsets included, in the order of `item_ids`."""
        return self._catalogue.vectors

    @property
    def skipped(self) -> int:
        """Unknown items that histories have named so far."""
        return self._skipped

    def encode_items(self, items: Sequence[Item]) -> Floats:
        """Vectors `[n, dim]` from text alone (no offset).

        Args:
            items: texts, or fields that the template of the data set is rendered with.

        Raises:
            DataError: an item is neither, or has none of the template's fields.
        """
        _require_list(items, "items")
        if not len(items):
            return np.empty((0, self._files.manifest.dim), dtype=np.float32)
        return self._encoder.encode([self._text(item) for item in items])

    def _text(self, item: Item) -> str:
        if isinstance(item, str):
            return item
        if not isinstance(item, Mapping):
            raise DataError("item", f"a value of type {type(item).__name__}", "a text, or a mapping of fields")
        if self._fields and not any(name in item for name in self._fields):
            raise DataError("item", f"fields {list(item)}", f"some of {self._fields}", "Give these fields, or a text.")
        return render(self._files.manifest.template, item)

    def encode_user(self, history: Sequence[str], unknown: Unknown = "skip") -> Floats:
        """User vector `[dim]` of item ids, oldest first; for a vector index of one's own.

        Args:
            unknown: "skip" leaves unknown items out and counts them (see `skipped`); "refuse" raises.

        Raises:
            DataError: an item is unknown and `unknown` is "refuse".
        """
        return self._user(self._catalogue, history, unknown)

    def _user(self, catalogue: Catalogue, history: Sequence[str], unknown: Unknown) -> Floats:
        _require_list(history, "history")
        if unknown == "refuse":
            rows = catalogue.rows(history, "history")
        elif unknown == "skip":
            rows = catalogue.known_rows(history)
            if len(rows) < len(history):
                with self._counting:
                    self._skipped += len(history) - len(rows)
        else:
            raise DataError("unknown", repr(unknown), "'skip' or 'refuse'")
        rows = rows[-self._max_history :]
        prepared = None if catalogue.prepared is None else catalogue.prepared[rows]
        return self._users.encode(catalogue.vectors[rows], prepared)

    def rank(self, history: Sequence[str], candidates: Sequence[str], unknown: Unknown = "skip") -> Floats:
        """Scores `[n_candidates]`, in the order of `candidates`.

        Raises:
            DataError: a candidate is not in the catalogue.
        """
        catalogue = self._catalogue
        _require_list(candidates, "candidates")
        user = self._user(catalogue, history, unknown)
        return dot_rows(catalogue.vectors[catalogue.rows(candidates, "candidates")], user)

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
    ) -> list[tuple[str, float]]:
        """The best k items with their scores; items of the history are left out.

        Args:
            k: from 1 to the number of items in the catalogue.
            exclude: further items to leave out; unknown ones are ignored.
            only: rank among these alone.

        Returns:
            k pairs, best first, equal scores in the catalogue's order; fewer where fewer are left.

        Raises:
            DataError: k is out of its range, or an item of `only` is not in the catalogue.
        """
        catalogue = self._catalogue
        _require_k(k, catalogue)
        user = self._user(catalogue, history, unknown)
        return _top(catalogue, user, catalogue.vectors @ user, history, k, exclude, only)

    def recommend_many(  # noqa: PLR0913
        self,
        histories: Sequence[Sequence[str]],
        k: int = 10,
        exclude: Sequence[str] = (),
        only: Sequence[str] | None = None,
        unknown: Unknown = "skip",
    ) -> list[list[tuple[str, float]]]:
        """`recommend` for many histories; scores of a block of users are one matrix product."""
        catalogue = self._catalogue
        _require_k(k, catalogue)
        _require_list(histories, "histories")
        out = []
        for start in range(0, len(histories), BLOCK):
            block = histories[start : start + BLOCK]
            users = np.stack([self._user(catalogue, history, unknown) for history in block])
            for history, user, scores in zip(block, users, users @ catalogue.vectors.T, strict=True):
                out.append(_top(catalogue, user, scores, history, k, exclude, only))
        return out

    def add_items(self, items: Mapping[str, Item]) -> None:
        """Add new items by their text, without training; an item that is there gets the new text's vector.

        Raises:
            DataError: an id is no text, or an item is as `encode_items` refuses; none is added.
        """
        if not isinstance(items, Mapping):
            raise DataError("items", f"a value of type {type(items).__name__}", "a mapping of ids to texts or fields")
        if wrong := [item for item in items if not isinstance(item, str)]:
            raise DataError("items", f"id {wrong[0]!r} of type {type(wrong[0]).__name__}", "ids that are text")
        vectors = self.encode_items(list(items.values()))
        with self._adding:
            self._catalogue = self._catalogue.with_items(list(items), vectors, self._users)


def _top(  # noqa: PLR0913
    catalogue: Catalogue,
    user: Floats,
    scores: Floats,
    history: Sequence[str],
    k: int,
    exclude: Sequence[str],
    only: Sequence[str] | None,
) -> list[tuple[str, float]]:
    """The best k with their scores; `scores` `[n_items]` is written to."""
    _require_list(exclude, "exclude")
    if only is not None:
        _require_list(only, "only")
        others = np.ones(len(scores), dtype=np.bool_)
        others[catalogue.rows(only, "only")] = False
        scores[others] = -np.inf
    scores[catalogue.known_rows(history)] = -np.inf
    scores[catalogue.known_rows(exclude, "exclude")] = -np.inf
    slack = slack_of(len(user), catalogue.longest, user)
    rows, exact = best(catalogue.vectors, user, scores, k, slack)
    return [(catalogue.ids[row], score) for row, score in zip(rows.tolist(), exact.tolist(), strict=True)]


def _require_k(k: int, catalogue: Catalogue) -> None:
    if not 1 <= k <= len(catalogue.ids):
        raise DataError("k", str(k), f"from 1 to the catalogue's {len(catalogue.ids)} items")


def _require_list(values: Sequence[Any], what: str) -> None:
    """A text is a sequence too, of its letters: `history="150"` would be three items."""
    if isinstance(values, str | bytes):
        raise DataError(what, f"the text {values!r}", "a list", f"Write [{values!r}].")
