"""Rows of texts that an earlier pass of the same trunk has made: a catalogue that grows is not encoded again.

Each finished pass leaves digests of its texts beside its rows, and a note under its family: all that decides a row but
the texts. A pass over other texts takes the rows that it shares with the newest passes of its family. They are equal to
those it would make but for the order of sums, because texts are encoded in batches of like lengths.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_rec.files import fingerprint, read_array, write_array, write_text

TEXTS, LENGTHS = "texts.npy", "lengths.npy"
LOOKED_AT = 4
"""Newest passes of a family that are looked through."""


@dataclass(frozen=True)
class Shared:
    """Where rows of texts lie in an earlier pass.

    Attributes:
        rows: `[n_rows, width]` of that pass.
        number: `[n]`, which of its texts each text is; -1 of one that it does not have.
        offsets: `[its texts + 1]`, where the rows of each of its texts begin.
    """

    rows: NDArray[Any]
    number: NDArray[np.int64]
    offsets: NDArray[np.int64]

    def take(self, text: int) -> NDArray[Any] | None:
        """The rows of a text; None where they are to be made."""
        number = self.number[text]
        return None if number < 0 else np.asarray(self.rows[self.offsets[number] : self.offsets[number + 1]])


def digests_of(texts: Sequence[str]) -> NDArray[np.uint64]:
    """Eight bytes of each text's hash."""
    joined = b"".join(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest() for text in texts)
    return np.frombuffer(joined, dtype=np.uint64)


def note_texts(folder: Path, family: Path, texts: Sequence[str], lengths: NDArray[np.int64]) -> None:
    """Leave what a later pass needs to find the rows of a finished one.

    Args:
        folder: of the pass. family: folder of the notes of its family.
        lengths: rows of each text.
    """
    note = family / fingerprint(str(folder))
    if note.exists():
        return
    write_array(folder / TEXTS, digests_of(texts))
    write_array(folder / LENGTHS, lengths)
    family.mkdir(parents=True, exist_ok=True)
    write_text(note, str(folder))


def shared_with(family: Path, texts: Sequence[str], width: int, dtype: np.dtype[Any]) -> Shared | None:
    """The newest passes' rows that have most of these texts; None where there are none."""
    notes = sorted(family.glob("*"), key=lambda path: -path.stat().st_mtime_ns)[:LOOKED_AT]
    found = [one for note in notes if (one := _shared(Path(note.read_text("utf-8")), texts, width, dtype)) is not None]
    best = max(found, key=lambda one: int((one.number >= 0).sum()), default=None)
    return best if best is not None and (best.number >= 0).any() else None


def _shared(folder: Path, texts: Sequence[str], width: int, dtype: np.dtype[Any]) -> Shared | None:
    """The same of one pass; None where its files have gone."""
    if not all((folder / name).exists() for name in (TEXTS, LENGTHS, "rows.bin")):
        return None
    its, mine = np.array(read_array(folder / TEXTS)), digests_of(texts)
    if not len(its):
        return None
    order = np.argsort(its, kind="stable")
    place = order[np.minimum(np.searchsorted(its[order], mine), len(its) - 1)]
    number = np.where(its[place] == mine, place, -1)
    offsets = np.concatenate([[0], np.cumsum(np.array(read_array(folder / LENGTHS)))])
    rows = np.memmap(folder / "rows.bin", dtype=dtype, mode="r").reshape(-1, width)
    return Shared(rows, number, offsets) if len(rows) == offsets[-1] else None
