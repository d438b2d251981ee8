"""A validation of impressions encodes what it reads; of clicks, which are ranked among all items, everything."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tiny import make_dataset, write_trunk

from distill_rec.distillation import distill
from distill_rec.evaluation.protocol import validation_metric
from distill_rec.files import read_json
from distill_rec.nn.recommender import TextEncoder
from distill_rec.recipe import OptimizerSection
from distill_rec.student_model import load_student
from students.static.spec import StaticSection

OPTIMIZER = OptimizerSection(batch_size=4, window=1, max_updates=6, validate_every=2, min_updates=0)


@pytest.mark.parametrize("kind", ["clicks", "impressions"])
def test_no_text_is_encoded_that_no_validation_reads(tmp_path, monkeypatch, kind):
    dataset = make_dataset(kind)
    samples = dataset.validation.take([0, 1])
    dataset = replace(dataset, validation=samples)
    asked, plain = [], TextEncoder.encode

    def encode(self, rows=None):
        asked.append(np.arange(self.n_texts) if rows is None else rows.numpy())
        return plain(self, rows)

    section = StaticSection(dim=8, table_dim=8, new_texts="learned", optimizer=OPTIMIZER)
    with monkeypatch.context() as patch:
        patch.setattr(TextEncoder, "encode", encode)
        distill(section, None, dataset, tmp_path / "student", trunk=str(write_trunk(tmp_path / "trunk")))
    every = set(range(len(dataset.texts)))
    read = every
    if kind == "impressions":
        items = np.concatenate([*samples.history, *samples.candidates])
        read = set(dataset.item_text[items].tolist())
        assert read < every
    looks = read_json(tmp_path / "student" / "history.json")["history"]
    assert sum(set(rows.tolist()) == read for rows in asked) >= len(looks) == 4
    best = validation_metric(load_student(tmp_path / "student").scorer("student"), samples, dataset)
    assert best == pytest.approx(max(look["ndcg@10"] for look in looks), abs=1e-6)
