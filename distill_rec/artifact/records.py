"""Versions of what an artifact's records look like, and the one check of a record that was read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from distill_rec.artifact.errors import ArtifactError

EXPORT_AGAIN = "Copy the artifact again, or export it again with `distill-rec export`."
UPGRADE = "Made by a newer release: upgrade distill-rec."


@dataclass(frozen=True)
class Form:
    """Versions of one record.

    Attributes:
        version: that is written.
        older: that are read too; what they lack has a default.
    """

    version: int
    older: tuple[int, ...] = ()

    def require(self, found: object, where: Path) -> None:
        """
        Raises:
            ArtifactError: a version that this release does not read; of a newer one it says so.
        """
        if type(found) is int and found in (self.version, *self.older):
            return
        newer = type(found) is int and found > self.version
        do = UPGRADE if newer else "Export it again with this release."
        raise ArtifactError(where, f"format version {found!r}", f"version {self.version}", do)


MANIFEST_FORM = Form(6, (1, 2, 3, 4, 5))
"""Version 1 had one precision and no golden inputs, version 2 read entities as they stand, version 3 had no repeat
term, version 4 no dimensions that work alone, version 5 no transition term. It stands for ids, texts, vectors and
encoders too: their files hold no number of their own."""

WITHOUT_REPEAT = 3
"""What is written of an artifact without a repeat term: a release that knows of none ranks it right."""

WITHOUT_DIMS = 4
"""What is written of an artifact with a repeat term whose dimensions all belong together."""

WITHOUT_TRANSITIONS = 5
"""What is written of an artifact whose first dimensions work alone, and that has no transition term."""

GOLDEN_FORM = Form(1)
"""Golden inputs of older releases have no number, and are version 1."""


def require_types(record: Any, where: Path) -> None:
    """Check the fields of a dataclass that was read from JSON against its annotations, outermost types alone.

    Raises:
        ArtifactError: a field is of another type; JSON's `true` is no number.
    """
    own: Any = type(record)
    for name, kind in _types(own).items():
        if type(value := getattr(record, name)) is not kind:
            raise ArtifactError(where, f"{name} = {value!r}", f"a value of type {kind.__name__}", EXPORT_AGAIN)


@cache
def _types(record: type) -> dict[str, type]:
    return {name: get_origin(kind) or kind for name, kind in get_type_hints(record).items()}


def as_json(value: Any, indent: int | None = None) -> str:
    """A line of JSON, or indented ones; half a character is escaped, so that what is written can be read."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(value, indent=indent)
    return text + "\n"
