"""What an artifact's files hold, read and compared with its manifest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_rec.artifact.errors import ArtifactError
from distill_rec.artifact.files import Files
from distill_rec.artifact.item_ids import KEY, digest_of_ids
from distill_rec.artifact.layout import ITEM_IDS, NEUTRAL, NEW_LEVEL, TEXTS, TRANSITIONS
from distill_rec.artifact.new_level import NewLevel
from distill_rec.artifact.records import EXPORT_AGAIN
from distill_rec.artifact.stored import Floats, Stored
from distill_rec.artifact.tensors import mapped_tensors
from distill_rec.artifact.transition import TransitionTerm

TYPES = (np.dtype(np.float32), np.dtype(np.float16), np.dtype(np.int8))
"""Of stored vectors."""


@contextmanager
def fitting(files: Files, name: str) -> Iterator[None]:
    """Errors of shape or of a missing array or key, as an `ArtifactError` that names the file."""
    try:
        yield
    except (KeyError, ValueError, IndexError, TypeError) as error:
        found = f"lacks {error}" if isinstance(error, KeyError) else f"does not fit: {error}"
        raise ArtifactError(files.folder / name, found, "what the manifest describes", EXPORT_AGAIN) from error


def read_tensors(files: Files, name: str) -> dict[str, NDArray[Any]]:
    """Arrays of a safetensors file, which stay in it."""
    content = files.map(name)
    try:
        return mapped_tensors(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(
            files.folder / name, f"cannot be read: {error}", "a safetensors file", EXPORT_AGAIN
        ) from error


def read_item_ids(files: Files) -> list[str]:
    """Ids of the catalogue, in the order that the manifest noted."""
    ids = read_ids(files, ITEM_IDS, files.manifest.items)
    with fitting(files, ITEM_IDS):
        if (noted := files.manifest.fingerprints.get(KEY)) not in (None, found := digest_of_ids(ids)):
            raise ValueError(f"item ids in order {found}, where the manifest has {noted}")
    return ids


def read_ids(files: Files, name: str, count: int) -> list[str]:
    """So many ids, each once."""
    ids = _texts_of(files, name, "ids")
    with fitting(files, name):
        if len(set(ids)) < len(ids):
            raise ValueError("an id stands twice")
        if len(ids) != count:
            raise ValueError(f"{len(ids)} ids where the manifest says {count}")
    return ids


def read_texts(files: Files) -> list[str] | None:
    """The items' texts, where they were exported."""
    if TEXTS not in files.manifest.files:
        return None
    texts = _texts_of(files, TEXTS, "texts")
    with fitting(files, TEXTS):
        if len(texts) != files.manifest.items:
            raise ValueError(f"{len(texts)} texts where the manifest says {files.manifest.items} items")
    return texts


def read_vectors(files: Files, name: str, count: int, dim: int) -> Stored:
    """Item vectors `[count, dim]`."""
    with fitting(files, name):
        tensors = read_tensors(files, name)
        values, scales = tensors["vectors"], tensors.get("scales")
        if values.shape != (count, dim) or values.dtype not in TYPES:
            found = f"{values.dtype} {values.shape}"
            raise ValueError(f"vectors {found} where float32, float16 or int8 {(count, dim)} belongs")
        if values.dtype == np.int8 and (scales is None or scales.shape != (count,) or scales.dtype != np.float32):
            raise ValueError(f"int8 vectors without float32 scales {(count,)}")
    return Stored(values, scales if values.dtype == np.int8 else None)


def read_neutral(files: Files) -> Floats | None:
    """The vector `[dim]` of a text that says nothing, where it was exported."""
    if NEUTRAL not in files.manifest.files:
        return None
    with fitting(files, NEUTRAL):
        vector = read_tensors(files, NEUTRAL)["vector"]
        if vector.shape != (files.manifest.dim,) or vector.dtype != np.float32:
            raise ValueError(f"{vector.dtype} {vector.shape} where float32 {(files.manifest.dim,)} belongs")
    return vector


def read_new_level(files: Files) -> NewLevel | None:
    """How high items of later texts stand, where it was exported."""
    if NEW_LEVEL not in files.manifest.files:
        return None
    with fitting(files, NEW_LEVEL):
        tensors = read_tensors(files, NEW_LEVEL)
        for name, shape in (("vector", (files.manifest.dim,)), ("level", (1,))):
            found = tensors[name]
            if found.shape != shape or found.dtype != np.float32 or not np.isfinite(found).all():
                raise ValueError(f"{name} {found.dtype} {found.shape} where finite float32 {shape} belongs")
    return NewLevel(tensors["vector"], float(tensors["level"][0]))


def read_transitions(files: Files, count: int) -> TransitionTerm | None:
    """The transition term, where there is one.

    Args:
        count: items of the catalogue; those that were added after the training are behind the others and have none.
    """
    if TRANSITIONS not in files.manifest.files:
        return None
    with fitting(files, TRANSITIONS):
        found = TransitionTerm.of_arrays(read_tensors(files, TRANSITIONS))
        if len(found.items) > count:
            raise ValueError(f"followers of {len(found.items)} items in a catalogue of {count}")
    return found


def _texts_of(files: Files, name: str, what: str) -> list[str]:
    content = files.read(name)
    with fitting(files, name):
        found = json.loads(content)
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            raise ValueError(f"not a list of {what}")
    return found
