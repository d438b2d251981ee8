"""`benchmarks/ablation.py`: a row differs from its base by its ingredient alone, and nothing is trained twice."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from conftest import ROOT

from distill_rec.pipeline.stages import stage_named
from distill_rec.pipeline.wanted import flatten

SCRIPT = ROOT / "benchmarks" / "ablation.py"
pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="a source distribution has no benchmarks")


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ablation", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = sys.modules["ablation"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ablation = loaded() if SCRIPT.exists() else None
LOSS = {"item_cosine": 0.0, "user_cosine": 0.0}
ROWS = [(name, row.name) for name, one in ablation.ABLATIONS.items() for row in one.rows] if ablation else []


def keys_of(recipe: Any) -> dict[str, Any]:
    return flatten(recipe.student, "student") | flatten(recipe.teacher, "teacher")


@pytest.mark.parametrize(("dataset", "name"), ROWS)
def test_a_row_differs_from_its_base_by_keys_that_the_recipe_has(dataset: str, name: str) -> None:
    one = ablation.ABLATIONS[dataset]
    row = one.row(name)
    recipe = one.recipe_of(name)
    stage_named("distill").require(recipe)
    ours, base = keys_of(recipe), keys_of(one.recipe_of(row.beside))
    differ = {key for key in ours.keys() | base.keys() if ours.get(key) != base.get(key)}
    assert set(row.changes) <= ours.keys()
    assert differ or name == ablation.FULL, "the row is its base"
    rest = differ - set(row.changes)
    if "student.first.loss.item_cosine" in row.changes:  # a section that the base has not at all
        rest = {key for key in rest if not key.startswith("student.first")}
    if row.teachers:
        rest = {key for key in rest if not key.startswith("teacher.")}
    assert not rest


def test_all_rows_end_alike() -> None:
    for one in ablation.ABLATIONS.values():
        ends = [one.recipe_of(row.name, updates=7).student.optimizer for row in one.rows]
        assert {(end.decay, end.max_updates, end.learning_rate) for end in ends} == {
            ("linear", 7, ends[0].learning_rate)
        }


@pytest.fixture
def tiny(tiny_trunk: Path, tiny_data: Path) -> Any:
    ends = {"batch_size": 16, "window": 2, "validate_every": 4, "decay": "linear", "max_updates": 8}
    small = {"dim": 8, "device": "cpu"}
    text = {"name": "text", "trunk": str(tiny_trunk), "weight": 1.0, "optimizer": ends, **small}
    ids = {"name": "ids", "kind": "item_ids", "weight": 1.0, "optimizer": ends, **small}
    data = {"format": "recbole", "path": str(tiny_data), "rating_column": "rating", "text": "{title}", "max_history": 9}
    student = {
        "undistilled": False,
        "table_dim": 8,
        "hidden": 8,
        "start": "text",
        "optimizer": ends,
        **small,
        "loss": LOSS,
    }
    recipe = {"data": data, "teacher": [text, ids], "student": student}
    rows = (
        ablation.Ingredient(ablation.FULL, {}, "all of it"),
        ablation.Ingredient("no scores", {"student.loss.kl": 0.0}, "no KL"),
        ablation.Ingredient("text alone", {}, "one teacher", teachers=(text,)),
    )
    return ablation.Ablation(recipe, rows, updates=8)


def test_rows_are_trained_once_and_share_their_teachers(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ablation.ABLATIONS, "movielens", tiny)
    monkeypatch.setattr(sys, "argv", ["ablation.py", "movielens", "--out", str(tmp_path), "--seeds", "2"])
    ablation.main()
    place = tmp_path / "movielens"
    trained = {path: path.stat().st_mtime_ns for path in place.glob("rows/*/distill/stage.json")}
    assert len(trained) == 6
    weights = {path.resolve().stat().st_ino for path in place.glob("teachers/*/teach/text/weights.safetensors")}
    assert len(list(place.glob("teachers/*"))) == 2 and len(weights) == 1
    first = (place / "results.json").read_text("utf-8")
    ablation.main()
    assert {path: path.stat().st_mtime_ns for path in place.glob("rows/*/distill/stage.json")} == trained
    assert (place / "results.json").read_text("utf-8") == first
    rows = json.loads(first)["rows"]
    less = rows["no scores"]["less base"]["ndcg@10"]
    means = [rows[name]["means"]["ndcg@10"]["mean"] for name in ("no scores", "full")]
    assert less["low"] <= less["value"] <= less["high"] and np.isclose(less["value"], means[0] - means[1])
    assert np.isclose(np.mean(less["seeds"]), less["value"])
    assert [end["stopped"] for end in rows["text alone"]["endings"]] == ["max_updates"] * 2
    assert rows["text alone"]["other teachers"] == ["text"]
    assert "no scores" in (place / "table.md").read_text("utf-8")
