"""From an artifact's files to the parts of a student; whatever does not fit together is an `ArtifactError`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_rec.artifact.files import Files
from distill_rec.artifact.layout import ITEM_IDS, ITEM_VECTORS, MANIFEST, TEACHER, USER_ENCODER
from distill_rec.artifact.reading import fitting, read_ids, read_item_ids, read_tensors, read_transitions, read_vectors
from distill_rec.artifact.repeat import BUCKETS
from distill_rec.artifact.transition import TransitionTerm
from distill_rec.runtime.catalogue import Catalogue
from distill_rec.runtime.kinds import ItemEncoder, RuntimeKind
from distill_rec.runtime.merged import MergedUserEncoder
from distill_rec.runtime.ranker import Ranker
from distill_rec.runtime.repeat import RepeatTerm
from distill_rec.runtime.side_by_side import SideBySide
from distill_rec.runtime.template import fields_of
from distill_rec.runtime.user_encoders import UserEncoder, make_user_encoder


@dataclass(frozen=True)
class Parts:
    """What a student is made of."""

    catalogue: Catalogue
    user_encoder: UserEncoder
    item_encoder: ItemEncoder
    repeat: RepeatTerm | None = None
    transitions: TransitionTerm | None = None


def read_parts(files: Files, kind: RuntimeKind, threads: int | None, precision: str) -> Parts:
    """Read and check everything that one precision needs.

    Raises:
        ArtifactError: a file is missing, damaged, or does not fit the manifest.
    """
    manifest = files.manifest
    with fitting(files, MANIFEST):
        fields_of(manifest.template)
        parts = manifest.exported[precision]
        encoder_file, items_file = parts["encoder"], parts["items"]
    ids = read_item_ids(files)
    stored = read_vectors(files, items_file, len(ids), manifest.dim)
    users = _user_encoder(files, USER_ENCODER, manifest.user_encoder, manifest.dim)
    with fitting(files, MANIFEST):
        unknown = set(manifest.removed).difference(ids)
        if unknown:
            raise ValueError(f"removed items that are not in the catalogue, as {sorted(unknown)[0]!r}")
        _require_dims(manifest.dims, manifest.dim)
    catalogue = Catalogue.of(ids, stored, users, manifest.removed)
    return Parts(
        catalogue,
        users,
        _item_encoder(files, kind, encoder_file, threads),
        _repeat(files, manifest.repeat, manifest.user_encoder),
        read_transitions(files, len(ids)),
    )


def _require_dims(dims: Sequence[Any], dim: int) -> None:
    """Refuse numbers of dimensions that do not rise to all of them."""
    if dims and (any(type(one) is not int for one in dims) or [0, *dims] != sorted({0, *dims}) or dims[-1] != dim):
        raise ValueError(f"dims = {list(dims)!r} where rising numbers up to {dim} belong")


def read_teacher(files: Files) -> Ranker | None:
    """The teacher as a ranker of its own vectors, where they were exported."""
    teacher = files.manifest.teacher
    if not teacher:
        return None
    with fitting(files, MANIFEST):
        dim, settings = int(teacher["dim"]), dict(teacher["user_encoder"])
        items, max_history = int(teacher["items"]), int(settings["max_history"])
        repeat = _repeat(files, teacher.get("repeat", []), settings)
    ids = read_ids(files, TEACHER + ITEM_IDS, items)
    stored = read_vectors(files, TEACHER + ITEM_VECTORS.format(""), items, dim)
    users = _user_encoder(files, TEACHER + USER_ENCODER, settings, dim)
    return Ranker(Catalogue.of(ids, stored, users), users, max_history, repeat)


def _repeat(files: Files, numbers: Sequence[float], settings: Mapping[str, Any]) -> RepeatTerm | None:
    """The repeat term of numbers by bucket; None of no numbers."""
    with fitting(files, MANIFEST):
        if not numbers:
            return None
        if len(numbers) != BUCKETS or not all(type(one) in (int, float) and math.isfinite(one) for one in numbers):
            raise ValueError(f"repeat = {numbers!r} where {BUCKETS} finite numbers belong")
        return RepeatTerm(np.array(numbers, dtype=np.float32), int(settings["max_history"]))


def _user_encoder(files: Files, name: str, settings: Mapping[str, Any], dim: int) -> UserEncoder:
    with fitting(files, name):
        encoder = _encoder_of(settings, read_tensors(files, name))
        # The longest history finds every array that is too small or too large.
        longest = np.zeros((max(int(settings["max_history"]), 1), dim), dtype=np.float32)
        for history in (longest[:0], longest):
            shape = encoder.encode(history, encoder.prepare(history)).shape
            if shape != (dim,):
                raise ValueError(f"user vectors {shape} where {(dim,)} belongs")
    return encoder


def _encoder_of(settings: Mapping[str, Any], weights: Mapping[str, NDArray[Any]]) -> UserEncoder:
    if settings["kind"] not in ("merged", "side-by-side"):
        return make_user_encoder(settings, weights)
    parts = []
    for number, part in enumerate(settings["parts"]):
        start = f"parts.{number}."
        own = {key.removeprefix(start): value for key, value in weights.items() if key.startswith(start)}
        parts.append(_encoder_of(part, own))
    dims = [int(part["dim"]) for part in settings["parts"]]
    if settings["kind"] == "merged":
        return MergedUserEncoder(parts, dims, weights)
    return SideBySide(parts, dims, settings["weights"])


def _item_encoder(files: Files, kind: RuntimeKind, name: str, threads: int | None) -> ItemEncoder:
    dim = files.manifest.dim
    with fitting(files, name):
        encoder = kind.item_encoder(files, name, threads)
        shape = encoder.encode(["", "a"]).shape
        if shape != (2, dim):
            raise ValueError(f"item vectors {shape} where {(2, dim)} belongs")
    return encoder
