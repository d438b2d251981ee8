"""From an artifact's files to the parts of a student; whatever does not fit together is an `ArtifactError`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

from distill_rec.runtime.errors import ArtifactError
from distill_rec.runtime.manifest import AGAIN, MANIFEST, Files
from distill_rec.runtime.projection import Floats
from distill_rec.runtime.static import StaticItemEncoder
from distill_rec.runtime.template import fields_of
from distill_rec.runtime.tokenizer import TextTokenizer
from distill_rec.runtime.user_encoders import UserEncoder, make_user_encoder


class ItemEncoder(Protocol):
    """From texts to the text part of item vectors `[n, dim]`."""

    def encode(self, texts: Sequence[str]) -> Floats: ...


@dataclass(frozen=True)
class Parts:
    """What a student is made of; `vectors` are `[n_items, dim]`, in the order of `ids`."""

    ids: list[str]
    vectors: Floats
    user_encoder: UserEncoder
    item_encoder: ItemEncoder


def read_parts(files: Files, threads: int | None) -> Parts:
    """Read and check everything.

    Raises:
        ArtifactError: a file is missing, damaged, or does not fit the manifest.
    """
    with _fitting(files, MANIFEST):
        fields_of(files.manifest.template)
    ids, vectors = _items(files)
    return Parts(ids, vectors, _user_encoder(files), _item_encoder(files, threads))


@contextmanager
def _fitting(files: Files, name: str) -> Iterator[None]:
    """Errors of shape or of a missing array, named by file."""
    try:
        yield
    except (KeyError, ValueError, IndexError, TypeError) as error:
        found = f"lacks {error}" if isinstance(error, KeyError) else f"does not fit: {error}"
        raise ArtifactError(files.folder / name, found, "what the manifest describes", AGAIN) from error


def _tensors(files: Files, name: str) -> dict[str, NDArray[Any]]:
    try:
        return load(files.read(name))
    except ArtifactError:
        raise
    except Exception as error:  # safetensors raises its own kind
        raise ArtifactError(files.folder / name, f"cannot be read: {error}", "a safetensors file", AGAIN) from error


def _items(files: Files) -> tuple[list[str], Floats]:
    content, dim = files.read("items.json"), files.manifest.dim
    with _fitting(files, "items.json"):
        ids = json.loads(content)
        if not isinstance(ids, list) or not all(isinstance(item, str) for item in ids):
            raise ValueError("not a list of ids")
        if len(set(ids)) < len(ids):
            raise ValueError("an id stands twice")
        if len(ids) != files.manifest.items:
            raise ValueError(f"{len(ids)} ids where the manifest says {files.manifest.items}")
    with _fitting(files, "items.safetensors"):
        vectors = _tensors(files, "items.safetensors")["vectors"]
        if vectors.shape != (len(ids), dim) or vectors.dtype != np.float32:
            raise ValueError(f"vectors {vectors.dtype} {vectors.shape} where float32 {(len(ids), dim)} belongs")
    return ids, vectors


def _user_encoder(files: Files) -> UserEncoder:
    settings, dim = files.manifest.user_encoder, files.manifest.dim
    with _fitting(files, "user_encoder.safetensors"):
        encoder = make_user_encoder(settings, _tensors(files, "user_encoder.safetensors"))
        # The longest history finds every array that is too small or too large.
        longest = np.zeros((max(int(settings["max_history"]), 1), dim), dtype=np.float32)
        for history in (longest[:0], longest):
            shape = encoder.encode(history, encoder.prepare(history)).shape
            if shape != (dim,):
                raise ValueError(f"user vectors {shape} where {(dim,)} belongs")
    return encoder


def _item_encoder(files: Files, threads: int | None) -> ItemEncoder:
    manifest = files.manifest
    static = manifest.kind == "static"
    content = files.read("tokenizer.json")
    tokenizer = TextTokenizer(content, manifest.max_tokens, not static, manifest.prefix, drop_unknown=static)
    name = "static.safetensors" if static else "item_encoder.onnx"
    encoder: ItemEncoder
    with _fitting(files, name):
        if static:
            encoder = StaticItemEncoder(_tensors(files, name), tokenizer)
        else:
            from distill_rec.runtime.onnx_encoder import OnnxItemEncoder  # noqa: PLC0415  (static needs no onnxruntime)

            encoder = OnnxItemEncoder(files.read(name), tokenizer, manifest.dim, threads, files.folder / name)
        shape = encoder.encode(["", "a"]).shape
        if shape != (2, manifest.dim):
            raise ValueError(f"item vectors {shape} where {(2, manifest.dim)} belongs")
    return encoder
