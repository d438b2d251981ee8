"""Drawn negatives: the window's own items and so many others; a part of what was shown; the same when gone on with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import make_dataset

from distill_rec.contracts import teacher_spec
from distill_rec.files import read_json
from distill_rec.kinds import validated
from distill_rec.recipe import OptimizerSection
from distill_rec.runtime.errors import RecipeError
from distill_rec.training.batches import ImpressionBatch, make_batches
from distill_rec.training.negatives import Negatives


def drawn(kind: str, count: int, by: str = "uniform") -> tuple[list[object], Negatives]:
    dataset = make_dataset(kind)  # type: ignore[arg-type]
    plain = make_batches(dataset, 4, seed=0)
    section = OptimizerSection(drawn_negatives=count, drawn_by=by)  # type: ignore[arg-type]
    negatives = Negatives.of(section, dataset, 0)
    assert negatives is not None
    return [plain.make(samples) for samples in plain.epoch(0)[:1]], negatives


@pytest.mark.parametrize("by", ["uniform", "clicks"])
def test_a_window_of_clicks_has_its_own_items_and_so_many_others(by: str) -> None:
    batches, negatives = drawn("clicks", 7, by)
    own = batches[0].items  # type: ignore[attr-defined]
    found = [negatives.items(batches, 0, first) for first in (0, 4, 0)]  # type: ignore[arg-type]
    assert all(one is not None and set(own) <= set(one) and len(one) == len(own) + 7 for one in found)
    assert np.array_equal(found[0], found[2]) and not np.array_equal(found[0], found[1])
    assert (make_dataset().train_clicks[found[0]] > 0).all()
    every = drawn("clicks", 1000)[1].items(batches, 0, 0)  # type: ignore[arg-type]
    assert np.array_equal(every, np.flatnonzero(make_dataset().warm))


def test_an_impression_keeps_its_clicks_and_so_many_of_the_others() -> None:
    batches, negatives = drawn("impressions", 2)
    batch = batches[0]
    assert isinstance(batch, ImpressionBatch)
    first, again, later = (negatives.batch(batch, epoch, 0) for epoch in (0, 0, 1))
    for one in (first, later):
        assert isinstance(one, ImpressionBatch)
        assert ((one.shown & one.labels) == (batch.shown & batch.labels)).all()
        rest = (batch.shown & ~batch.labels).sum(1)
        assert ((one.shown & ~one.labels).sum(1) == np.minimum(rest, 2)).all()
    assert (first.shown == again.shown).all() and not (first.shown == later.shown).all()  # type: ignore[union-attr]
    with pytest.raises(RecipeError, match="drawn_by"):
        drawn("impressions", 2, "clicks")


def test_a_teacher_trains_on_them_and_with_all_of_them_as_on_the_whole_catalogue(tmp_path: Path) -> None:
    teach, losses = teacher_spec("item_ids").teach.get(), {}
    for name, count in (("few", 3), ("all", 1000), ("whole", None)):
        optimizer = {"batch_size": 2, "window": 1, "max_updates": 12, "drawn_negatives": count}
        section = validated("teacher", {"kind": "item_ids", "dim": 8, "optimizer": optimizer, "dropout": 0.0})
        teach(section, make_dataset(), tmp_path / name)
        losses[name] = read_json(tmp_path / name / "history.json")["history"][-1]["loss"]
    assert losses["all"] == losses["whole"]
    assert losses["few"] < losses["whole"]  # fewer items to be told apart from
    assert torch.isfinite(torch.tensor(losses["few"]))
