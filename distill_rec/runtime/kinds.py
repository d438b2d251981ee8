"""Readers of artifacts, one per kind: those built in, and those that other packages add by an entry point."""

from __future__ import annotations

import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from distill_rec.artifact.errors import ArtifactError
from distill_rec.artifact.files import Files
from distill_rec.artifact.layout import Layout
from distill_rec.runtime.arrays import Floats

if TYPE_CHECKING:
    from distill_rec.runtime.tokenizer import TextTokenizer

GROUP = "distill_rec.runtime_kinds"
BUILT_IN = {"static": "distill_rec.runtime.static:KIND", "transformer": "distill_rec.runtime.onnx_encoder:KIND"}
"""Looked up first and imported late: a static student needs no onnxruntime."""


class ItemEncoder(Protocol):
    """From texts to the text part of item vectors `[n, dim]`."""

    def encode(self, texts: Sequence[str]) -> Floats: ...


@dataclass(frozen=True)
class Work:
    """Multiplications and additions of encoding texts.

    Attributes:
        of_text: once per text.
        of_token: for each of its tokens; a transformer's attention between tokens, small in short texts, is left out.
    """

    of_text: float
    of_token: float


class RuntimeKind(ABC):
    """Reads artifacts of one kind, without torch; an entry point of `GROUP`, named as the kind, leads to one of these.

    Attributes:
        layout: its files and precisions.
    """

    layout: Layout

    @abstractmethod
    def tokenizer(self, files: Files) -> TextTokenizer:
        """From texts to the ids that the item encoder reads."""

    @abstractmethod
    def item_encoder(self, files: Files, name: str, threads: int | None) -> ItemEncoder:
        """The item encoder in the file of this name.

        Args:
            threads: of its computations; as many as it likes where None.

        Raises:
            ArtifactError, or KeyError, ValueError, IndexError, TypeError: the file does not hold one.
        """

    def work(self, files: Files, name: str) -> Work | None:
        """What encoding takes, for a benchmark; None where it cannot be told."""
        return None


def find_kind(name: str, where: Path) -> RuntimeKind:
    """The reader of a kind.

    Args:
        where: the manifest that names it.

    Raises:
        ArtifactError: nothing installed reads this kind.
    """
    found = pkgutil.resolve_name(BUILT_IN[name]) if name in BUILT_IN else _added(name, where)
    if not isinstance(found, RuntimeKind):
        raise ArtifactError(where, f"kind {name!r} leads to {found!r}", "a RuntimeKind", f"Mend its {GROUP}.")
    return found


def _added(name: str, where: Path) -> object:
    """What another package registered under this name."""
    from importlib.metadata import entry_points  # noqa: PLC0415  (built-in kinds load without its time)

    points = list(entry_points(group=GROUP, name=name))
    if not points:
        raise ArtifactError(
            where,
            f"kind {name!r}, which nothing installed here reads",
            f"{' or '.join(BUILT_IN)}, or a kind of the entry-point group {GROUP}",
            f"Install the package that registers {name!r} in the entry-point group {GROUP}.",
        )
    try:
        return points[0].load()
    except Exception as error:  # whatever another package's import raises
        found = f"kind {name!r} is read by {points[0].value}, which does not load: {error}"
        raise ArtifactError(where, found, "a package that imports", "Install that package again.") from error
