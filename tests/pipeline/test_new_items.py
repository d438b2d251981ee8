"""A run that keeps items out of training: what it says of them, and of how high they stand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli

from distill_rec.runtime import Student


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny_recipe: Path, cli: Cli) -> Any:
    folder = tmp_path_factory.mktemp("new") / "run"
    changes = {
        "data.new_items": 0.1,
        "student.initialised": "false",
        "evaluate.cost": "false",
        "student.new_level": 0.25,
    }
    done = cli(
        "run",
        tiny_recipe,
        "--out",
        folder,
        *[word for one in changes.items() for word in ("--set", "=".join(map(str, one)))],
    )
    assert done.returncode == 0, done.stderr
    return folder, done


def test_the_report_says_what_other_levels_of_new_items_cost_and_give(run: Any) -> None:
    folder, done = run
    results = json.loads((folder / "evaluate" / "results.json").read_text("utf-8"))
    levels = {one["level"]: one for one in results["new_levels"]}
    assert list(levels) == [0, 0.25, 0.5, 1] and [one["own"] for one in levels.values()] == [False, True, False, False]
    tables = {one["key"]: one["cells"] for one in results["tables"]}
    own = levels[0.25]
    assert own["known"] == pytest.approx(tables["test"]["ndcg@10"]["student"]["mean"])
    assert own["new"] == pytest.approx(tables["new-all"]["recall@100"]["student"]["mean"])
    assert levels[1]["new"] >= levels[0]["new"]  # all are moved the way that users like
    assert "the student, by how high new items stand" in done.stdout + done.stderr
    page = (folder / "evaluate" / "report.html").read_text("utf-8")
    assert "How high new items stand" in page and "0.25 (this student)" in page


def test_the_artifact_has_the_level_that_it_was_trained_with(run: Any) -> None:
    folder, _ = run
    artifact = folder / "export" / "student"
    assert Student.load(artifact).info.new_level == 0.25
    assert Student.load(artifact, new_level=0.0).info.new_level == 0.0
