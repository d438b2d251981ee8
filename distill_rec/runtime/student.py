"""A student in a service: load a folder, rank candidates, recommend items, add new ones."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from distill_rec.runtime.catalogue import Catalogue, best
from distill_rec.runtime.errors import ArtifactError, DataError
from distill_rec.runtime.manifest import AGAIN, Files, Manifest
from distill_rec.runtime.projection import Floats
from distill_rec.runtime.template import render
from distill_rec.runtime.user_encoders import UserEncoder, make_user_encoder

Item = str | Mapping[str, str]


class ItemEncoder(Protocol):
    def encode(self, texts: Sequence[str]) -> Floats: ...


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
        self._adding = threading.Lock()
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
        files = Files(path, verify)
        manifest = files.manifest
        items = _tensors(files, "items.safetensors")
        users = make_user_encoder(manifest.user_encoder, _tensors(files, "user_encoder.safetensors"))
        try:
            ids = [str(item) for item in json.loads(files.read("items.json"))]
        except ValueError as error:
            raise ArtifactError(files.folder / "items.json", f"cannot be read: {error}", "a list of ids", AGAIN) from error
        if len(ids) != len(items["vectors"]) or items["vectors"].shape[1] != manifest.dim:
            shape = items["vectors"].shape
            raise ArtifactError(files.folder, f"{len(ids)} ids and vectors {shape}", "one vector an id", AGAIN)
        encoder = _item_encoder(files, manifest, threads)
        return Student(files, encoder, users, Catalogue.of(ids, items["vectors"], users))

    @property
    def info(self) -> StudentInfo:
        manifest = self._files.manifest
        items = len(self._catalogue.ids)
        return StudentInfo(
            self._files.folder, self._files.digest, manifest.kind, manifest.dim, items, manifest.metrics
        )

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
        """
        if not len(items):
            return np.empty((0, self._files.manifest.dim), dtype=np.float32)
        return self._encoder.encode([self._text(item) for item in items])

    def _text(self, item: Item) -> str:
        return item if isinstance(item, str) else render(self._files.manifest.template, item)

    def encode_user(self, history: Sequence[str], unknown: str = "skip") -> Floats:
        """User vector `[dim]` of item ids, oldest first; for a vector index of one's own.

        Args:
            unknown: "skip" leaves unknown items out and counts them (see `skipped`); "refuse" raises.

        Raises:
            DataError: an item is unknown and `unknown` is "refuse".
        """
        return self._user(self._catalogue, history, unknown)

    def _user(self, catalogue: Catalogue, history: Sequence[str], unknown: str) -> Floats:
        if unknown == "refuse":
            rows = catalogue.rows(history, "history")
        else:
            rows = catalogue.known_rows(history)
            self._skipped += len(history) - len(rows)
        rows = rows[-self._max_history :]
        prepared = None if catalogue.prepared is None else catalogue.prepared[rows]
        return self._users.encode(catalogue.vectors[rows], prepared)

    def rank(self, history: Sequence[str], candidates: Sequence[str], unknown: str = "skip") -> Floats:
        """Scores `[n_candidates]`, in the order of `candidates`.

        Raises:
            DataError: a candidate is not in the catalogue.
        """
        catalogue = self._catalogue
        user = self._user(catalogue, history, unknown)
        return catalogue.vectors[catalogue.rows(candidates, "candidates")] @ user

    def rank_many(self, requests: Sequence[tuple[Sequence[str], Sequence[str]]], unknown: str = "skip") -> list[Floats]:
        """Scores of many (history, candidates) pairs."""
        return [self.rank(history, candidates, unknown) for history, candidates in requests]

    def recommend(
        self,
        history: Sequence[str],
        k: int = 10,
        exclude: Sequence[str] = (),
        only: Sequence[str] | None = None,
        unknown: str = "skip",
    ) -> list[tuple[str, float]]:
        """The best k items with their scores; items of the history are left out.

        Args:
            exclude: further items to leave out; unknown ones are ignored.
            only: rank among these alone.

        Returns:
            At most k pairs, best first; fewer where fewer are left.
        """
        if k < 1:
            raise DataError("k", str(k), "at least 1")
        catalogue = self._catalogue
        user = self._user(catalogue, history, unknown)
        return self._top(catalogue, catalogue.vectors @ user, history, k, exclude, only)

    def recommend_many(
        self, histories: Sequence[Sequence[str]], k: int = 10, exclude: Sequence[str] = (), unknown: str = "skip"
    ) -> list[list[tuple[str, float]]]:
        """`recommend` for many histories; scores of a block of users are one matrix product."""
        catalogue = self._catalogue
        out = []
        for start in range(0, len(histories), 64):
            block = histories[start : start + 64]
            users = np.stack([self._user(catalogue, history, unknown) for history in block])
            for history, scores in zip(block, users @ catalogue.vectors.T, strict=True):
                out.append(self._top(catalogue, scores, history, k, exclude, None))
        return out

    @staticmethod
    def _top(
        catalogue: Catalogue,
        scores: Floats,
        history: Sequence[str],
        k: int,
        exclude: Sequence[str],
        only: Sequence[str] | None,
    ) -> list[tuple[str, float]]:
        if only is not None:
            allowed = catalogue.known_rows(only)
            kept = np.full_like(scores, -np.inf)
            kept[allowed] = scores[allowed]
            scores = kept
        scores[catalogue.known_rows(history)] = -np.inf
        scores[catalogue.known_rows(exclude)] = -np.inf
        return [(catalogue.ids[row], float(scores[row])) for row in best(scores, k)]

    def add_items(self, items: Mapping[str, Item]) -> None:
        """Add new items by their text, without training; an item that is there gets the new text's vector."""
        vectors = self.encode_items(list(items.values()))
        with self._adding:
            self._catalogue = self._catalogue.with_items(list(items), vectors, self._users)


def _tensors(files: Files, name: str) -> dict[str, NDArray[Any]]:
    from safetensors.numpy import load  # noqa: PLC0415  (imports late: the package itself stays quick to import)

    try:
        return load(files.read(name))
    except ArtifactError:
        raise
    except Exception as error:  # safetensors raises its own kind
        raise ArtifactError(files.folder / name, f"cannot be read: {error}", "a safetensors file", AGAIN) from error


def _item_encoder(files: Files, manifest: Manifest, threads: int | None) -> ItemEncoder:
    from distill_rec.runtime.tokenizer import TextTokenizer  # noqa: PLC0415

    static = manifest.kind == "static"
    content = files.read("tokenizer.json")
    tokenizer = TextTokenizer(content, manifest.max_tokens, not static, manifest.prefix, drop_unknown=static)
    if static:
        from distill_rec.runtime.static import StaticItemEncoder  # noqa: PLC0415

        return StaticItemEncoder(_tensors(files, "static.safetensors"), tokenizer)
    from distill_rec.runtime.onnx_encoder import OnnxItemEncoder  # noqa: PLC0415

    name = "item_encoder.onnx"
    return OnnxItemEncoder(files.read(name), tokenizer, manifest.dim, threads, files.folder / name)
