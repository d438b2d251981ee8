"""The floating-point operations that encoding a text takes, told from the artifact's own files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from distill_rec.artifact.files import Files
from distill_rec.artifact.layout import MANIFEST, WHOLE
from distill_rec.runtime.kinds import find_kind


def work_per_text(folder: Path, texts: Sequence[str]) -> float | None:
    """Of the item encoder, for a text like these; None where it cannot be told."""
    files = Files(folder)
    kind = find_kind(files.manifest.kind, folder / MANIFEST)
    exported = files.manifest.exported
    # The finest: its products name their weights, which those of calibrated int8 do not.
    parts = exported.get(WHOLE) or exported[files.manifest.precision]
    work = kind.work(files, parts["encoder"])
    if work is None:
        return None
    tokens = float(np.diff(kind.tokenizer(files).encode(texts)[1]).mean())
    return work.of_text + tokens * work.of_token
