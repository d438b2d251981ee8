"""Texts through each teacher of several that reads any."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from distill_rec.runtime.errors import ModelError
from distill_rec.teacher_model import Teacher


def open_encoder(teacher: Teacher) -> Callable[[list[str]], NDArray[np.float32]]:
    """See `contracts.OpenEncoder`. The block of a teacher that reads no texts stays zero.

    Raises:
        ModelError: none of them reads texts.
    """
    members = [Teacher.load(teacher.folder / name) for name in teacher.config["members"]]
    encoders = [one.encoder() if one.reads_texts else None for one in members]
    if not any(encoders):
        raise ModelError(teacher.folder, "none of its teachers reads texts", "a teacher that does")

    def encode(texts: list[str]) -> NDArray[np.float32]:
        empty = len(texts)
        blocks = [
            np.zeros((empty, one.knowledge.dim), dtype=np.float32) if read is None else read(texts)
            for one, read in zip(members, encoders, strict=True)
        ]
        return np.concatenate(blocks, axis=1)

    return encode
