"""What lies in an artifact's folder, written down as data; a test holds every export to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

MANIFEST = "manifest.json"
CARD = "README.md"
UNLISTED = (MANIFEST, CARD)
"""The only files that the manifest does not list."""

TOKENIZER = "tokenizer.json"
ITEM_IDS = "items.json"
USER_ENCODER = "user_encoder.safetensors"
GOLDEN = "golden.json"
TEXTS = "texts.json"
"""Of the items, in the order of their ids; not there where they were not exported."""

NEUTRAL = "neutral.safetensors"
"""The vector of a text that says nothing; not there where it was learned, or was exported by an older release."""

NEW_LEVEL = "new_level.safetensors"
"""How high items stand whose texts came after the training; not there where nothing was fitted to these, or where an
older release exported it."""

TRANSITIONS = "transitions.safetensors"
"""Followers of items (`transition.TransitionTerm`); not there where there is no transition term."""

ITEM_VECTORS = "items{}.safetensors"
TEACHER = "teacher/"
"""Folder of the teacher's `ITEM_IDS`, `ITEM_VECTORS` in fp32 and `USER_ENCODER`, where they were exported."""

TRAINING = "training"
"""Folder of the torch weights that training goes on from; a service does not read them."""

WHOLE = "fp32"
STORED = (WHOLE, "fp16", "int8")
"""Precisions of vectors, the finest first."""


@dataclass(frozen=True)
class Layout:
    """Files of one kind of artifact.

    Attributes:
        kind: as the manifest names it.
        encoder: name of the item encoder's file, with the place where the precision stands.
        precisions: that the item encoder can have.
    """

    kind: str
    encoder: str
    precisions: tuple[str, ...]

    def files(self, precision: str) -> dict[str, str]:
        """Names of the files that one precision loads: `encoder` and `items`."""
        own, vectors = (_suffix(one) for one in (precision, stored_as(precision)))
        return {"encoder": self.encoder.format(own), "items": ITEM_VECTORS.format(vectors)}


LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {
        one.kind: one
        for one in (
            Layout("static", "static{}.safetensors", STORED),
            Layout("transformer", "item_encoder{}.onnx", (*STORED, "int8-static")),
        )
    }
)
"""Of the kinds that this package reads itself; others bring their own (`distill_rec.runtime.kinds`)."""


def stored_as(precision: str) -> str:
    """How the vectors of a precision are stored: those of "int8-static" as those of "int8"."""
    return precision.split("-")[0]


def _suffix(precision: str) -> str:
    return "" if precision == WHOLE else f".{precision}"
