"""From an artifact's files to the parts of a student; whatever does not fit together is an `ArtifactError`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from distill_rec.runtime.catalogue import Catalogue
from distill_rec.runtime.errors import ArtifactError
from distill_rec.runtime.item_ids import KEY, digest_of_ids
from distill_rec.runtime.manifest import AGAIN, MANIFEST, Files
from distill_rec.runtime.projection import Floats
from distill_rec.runtime.ranker import Ranker
from distill_rec.runtime.static import StaticItemEncoder
from distill_rec.runtime.template import fields_of
from distill_rec.runtime.tensors import mapped_tensors
from distill_rec.runtime.tokenizer import TextTokenizer
from distill_rec.runtime.user_encoders import UserEncoder, make_user_encoder
from distill_rec.runtime.vectors import Stored

TEACHER = "teacher/"
TEXTS = "texts.json"
NEUTRAL = "neutral.safetensors"
"""The vector of a text that says nothing; not there where it was learned, or was exported by an older release."""
STORED = {"fp32": np.float32, "fp16": np.float16, "int8": np.int8}


class ItemEncoder(Protocol):
    """From texts to the text part of item vectors `[n, dim]`."""

    def encode(self, texts: Sequence[str]) -> Floats: ...


@dataclass(frozen=True)
class Parts:
    """What a student is made of."""

    catalogue: Catalogue
    user_encoder: UserEncoder
    item_encoder: ItemEncoder


def read_parts(files: Files, threads: int | None, precision: str) -> Parts:
    """Read and check everything that one precision needs.

    Raises:
        ArtifactError: a file is missing, damaged, or does not fit the manifest.
    """
    manifest = files.manifest
    with _fitting(files, MANIFEST):
        fields_of(manifest.template)
        parts = manifest.parts(precision)
        encoder_file, items_file = parts["encoder"], parts["items"]
    ids = _ids(files, "items.json", manifest.items)
    with _fitting(files, "items.json"):
        if (noted := manifest.fingerprints.get(KEY)) not in (None, found := digest_of_ids(ids)):
            raise ValueError(f"item ids in order {found}, where the manifest has {noted}")
    stored = _vectors(files, items_file, len(ids), manifest.dim)
    users = _user_encoder(files, "user_encoder.safetensors", manifest.user_encoder, manifest.dim)
    with _fitting(files, MANIFEST):
        unknown = set(manifest.removed).difference(ids)
        if unknown:
            raise ValueError(f"removed items that are not in the catalogue, as {sorted(unknown)[0]!r}")
    catalogue = Catalogue.of(ids, stored, users, manifest.removed)
    return Parts(catalogue, users, _item_encoder(files, encoder_file, threads))


def read_texts(files: Files) -> list[str] | None:
    """The items' texts, where they were exported."""
    if TEXTS not in files.manifest.files:
        return None
    content = files.read(TEXTS)
    with _fitting(files, TEXTS):
        texts = json.loads(content)
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ValueError("not a list of texts")
        if len(texts) != files.manifest.items:
            raise ValueError(f"{len(texts)} texts where the manifest says {files.manifest.items} items")
    return texts


def read_teacher(files: Files) -> Ranker | None:
    """The teacher as a ranker of its own vectors, where they were exported."""
    teacher = files.manifest.teacher
    if not teacher:
        return None
    with _fitting(files, MANIFEST):
        dim, settings = int(teacher["dim"]), dict(teacher["user_encoder"])
        items, max_history = int(teacher["items"]), int(settings["max_history"])
    ids = _ids(files, TEACHER + "items.json", items)
    stored = _vectors(files, TEACHER + "items.safetensors", items, dim)
    users = _user_encoder(files, TEACHER + "user_encoder.safetensors", settings, dim)
    return Ranker(Catalogue.of(ids, stored, users), users, max_history)


@contextmanager
def _fitting(files: Files, name: str) -> Iterator[None]:
    """Errors of shape or of a missing array, named by file."""
    try:
        yield
    except (KeyError, ValueError, IndexError, TypeError) as error:
        found = f"lacks {error}" if isinstance(error, KeyError) else f"does not fit: {error}"
        raise ArtifactError(files.folder / name, found, "what the manifest describes", AGAIN) from error


def _tensors(files: Files, name: str) -> dict[str, NDArray[Any]]:
    content = files.map(name)
    try:
        return mapped_tensors(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(files.folder / name, f"cannot be read: {error}", "a safetensors file", AGAIN) from error


def _ids(files: Files, name: str, count: int) -> list[str]:
    content = files.read(name)
    with _fitting(files, name):
        ids = json.loads(content)
        if not isinstance(ids, list) or not all(isinstance(item, str) for item in ids):
            raise ValueError("not a list of ids")
        if len(set(ids)) < len(ids):
            raise ValueError("an id stands twice")
        if len(ids) != count:
            raise ValueError(f"{len(ids)} ids where the manifest says {count}")
    return ids


def _vectors(files: Files, name: str, count: int, dim: int) -> Stored:
    with _fitting(files, name):
        tensors = _tensors(files, name)
        values, scales = tensors["vectors"], tensors.get("scales")
        if values.shape != (count, dim) or values.dtype not in STORED.values():
            found = f"{values.dtype} {values.shape}"
            raise ValueError(f"vectors {found} where float32, float16 or int8 {(count, dim)} belongs")
        if values.dtype == np.int8 and (scales is None or scales.shape != (count,) or scales.dtype != np.float32):
            raise ValueError(f"int8 vectors without float32 scales {(count,)}")
    return Stored(values, scales if values.dtype == np.int8 else None)


def _user_encoder(files: Files, name: str, settings: Mapping[str, Any], dim: int) -> UserEncoder:
    with _fitting(files, name):
        encoder = make_user_encoder(settings, _tensors(files, name))
        # The longest history finds every array that is too small or too large.
        longest = np.zeros((max(int(settings["max_history"]), 1), dim), dtype=np.float32)
        for history in (longest[:0], longest):
            shape = encoder.encode(history, encoder.prepare(history)).shape
            if shape != (dim,):
                raise ValueError(f"user vectors {shape} where {(dim,)} belongs")
    return encoder


def _item_encoder(files: Files, name: str, threads: int | None) -> ItemEncoder:
    manifest = files.manifest
    static = manifest.kind == "static"
    content = files.read("tokenizer.json")
    tokenizer = TextTokenizer(content, manifest.max_tokens, not static, manifest.prefix, drop_unknown=static)
    neutral = _neutral(files)
    encoder: ItemEncoder
    with _fitting(files, name):
        if static:
            encoder = StaticItemEncoder(_widened(_tensors(files, name)), tokenizer, neutral)
        else:
            from distill_rec.runtime.onnx_encoder import OnnxItemEncoder  # noqa: PLC0415  (static needs no onnxruntime)

            encoder = OnnxItemEncoder(
                lambda: files.read(name), tokenizer, manifest.dim, threads, files.folder / name, neutral
            )
        shape = encoder.encode(["", "a"]).shape
        if shape != (2, manifest.dim):
            raise ValueError(f"item vectors {shape} where {(2, manifest.dim)} belongs")
    return encoder


def _neutral(files: Files) -> Floats | None:
    if NEUTRAL not in files.manifest.files:
        return None
    with _fitting(files, NEUTRAL):
        vector = _tensors(files, NEUTRAL)["vector"]
        if vector.shape != (files.manifest.dim,) or vector.dtype != np.float32:
            raise ValueError(f"{vector.dtype} {vector.shape} where float32 {(files.manifest.dim,)} belongs")
    return vector


def _widened(tensors: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Arrays of a smaller precision in float32; the table is small, and gathering from float32 is quickest.

    The fallback stays int8 in the file: it is the large one and rarely read.
    """
    out = {name: value.astype(np.float32) if value.dtype == np.float16 else value for name, value in tensors.items()}
    if out["table"].dtype == np.int8:
        out["table"] = Stored(out["table"], out["table_scale"]).rows(slice(None))
    return out
