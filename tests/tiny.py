"""Small real things to test with: those that the package's own suite uses, and small students."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from distill_rec.data.dataset import Dataset
from distill_rec.data.ragged import Ragged
from distill_rec.kinds import settings_of
from distill_rec.recipe import StudentSection
from distill_rec.testing.trunks import WORDS, word_piece, write_trunk
from distill_rec.testing.worlds import make_dataset

__all__ = ["WORDS", "grown", "make_dataset", "student_section", "word_piece", "write_trunk"]

HIDDEN = {"static": {"table_dim": 8}, "sequential": {"table_dim": 32}, "transformer": {}}
"""What small students of each kind have beside the rest."""


def student_section(kind: str = "static", **settings: object) -> StudentSection:
    """A small student of a kind."""
    section = settings_of("student", kind).model_validate({"dim": 8, "hidden": 8, **HIDDEN[kind], **settings})
    assert isinstance(section, StudentSection)
    return section


def grown(dataset: Dataset) -> Dataset:
    """The same with a new item first, one of new words, which has clicks."""
    texts = ["stone house 900", *dataset.texts]
    items = pl.DataFrame({"item_id": ["first"], "title": texts[:1], "text": texts[:1]})
    train = dataset.train
    clicks = [
        np.append(row + 1, [0] if number % 4 == 0 else []).astype(np.int32) for number, row in enumerate(train.items)
    ]  # type: ignore[union-attr]
    longer = [np.arange(len(row)) // 2 for row in clicks]
    return replace(
        dataset,
        items=pl.concat([items, dataset.items]),
        texts=texts,
        item_text=np.append(0, dataset.item_text + 1).astype(np.int32),
        train_clicks=np.append(20, dataset.train_clicks).astype(np.int32),
        new=np.append(False, dataset.new),
        train=replace(train, items=Ragged.from_rows(clicks), times=Ragged.from_rows(longer, np.int64),
                      weights=Ragged.from_rows([np.ones(len(row)) for row in clicks], np.float32)),
        fingerprint="grown",
    )  # fmt: skip
