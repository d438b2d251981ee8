"""Data sets that an older release prepared are read as they were."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from distill_rec.data import Dataset, prepare
from distill_rec.data.slices import whole
from distill_rec.evaluation.protocol import evaluate
from distill_rec.evaluation.scorer import popularity
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import RunError
from distill_rec.training.batches import make_batches


@pytest.fixture
def prepared(tmp_path):
    generator = np.random.default_rng(0)
    clicks = pl.DataFrame(
        {
            "user_id": generator.integers(0, 30, 900),
            "item_id": generator.integers(0, 40, 900),
            "timestamp": np.arange(900),
            "rating": generator.integers(3, 6, 900),
        }
    )
    items = pl.DataFrame({"item_id": [str(i) for i in range(40)], "title": [f"t{i}" for i in range(40)]})
    prepare(DataSection(rating_column="rating", new_items=0.1), tmp_path / "now", clicks=clicks, items=items)
    return tmp_path / "now"


def write_version_1(dataset, folder):
    """Histories and exclusions as rows of each query, no log."""
    bare = {}
    for name in ("validation", "test", "test_new"):
        part = getattr(dataset, name)
        bare[name] = replace(part, history=whole(part.history), seen=part.excluded(np.arange(len(part))))
    rows = {name: whole(getattr(dataset.train, name)) for name in ("items", "times", "weights")}
    bare["train"] = replace(dataset.train, **rows)
    replace(dataset, log=None, **bare).write(folder)
    for path in folder.glob("*.seen.*"):
        path.rename(path.with_name(path.name.replace(".seen.", ".exclude.")))
    manifest = json.loads((folder / "manifest.json").read_text())
    known = ("kind", "max_history", "template", "fingerprint", "test_new")
    (folder / "manifest.json").write_text(json.dumps({key: manifest[key] for key in known} | {"format_version": 1}))


def test_version_1_gives_the_same_batches_and_metrics(prepared, tmp_path):
    now = Dataset.load(prepared)
    (tmp_path / "old").mkdir()
    write_version_1(now, tmp_path / "old")
    assert (tmp_path / "old" / "test.exclude.values.npy").exists()
    old = Dataset.load(tmp_path / "old")
    assert old.log is None and old.repeated_targets is None
    for part in ("test", "test_new"):
        found = [evaluate(popularity(one.train_clicks), getattr(one, part), one).values for one in (old, now)]
        assert all(np.array_equal(found[0][name], found[1][name], equal_nan=True) for name in found[0])
    batches = [make_batches(one, 8, 0) for one in (old, now)]
    for one, other in zip(*(each.epoch(0) for each in batches), strict=True):
        first, second = batches[0].make(one), batches[1].make(other)
        assert all(np.array_equal(getattr(first, name), getattr(second, name)) for name in vars(first))


def test_a_version_of_a_later_release_is_refused(prepared):
    manifest = json.loads((prepared / "manifest.json").read_text())
    (prepared / "manifest.json").write_text(json.dumps(manifest | {"format_version": 3}))
    with pytest.raises(RunError, match="format version 3"):
        Dataset.load(prepared)
