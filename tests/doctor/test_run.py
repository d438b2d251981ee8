"""`doctor` on a run folder and on the data set in it."""

from __future__ import annotations

import json
import os
import shutil
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from distill_rec.doctor import Finding, examine, sound
from distill_rec.journal import Journal
from distill_rec.pipeline.folder import RunFolder


@pytest.fixture
def folder(tiny_run: Path, tmp_path: Path) -> Path:
    """A copy that may be broken."""
    return Path(shutil.copytree(tiny_run, tmp_path / "run", symlinks=True))


def of_level(path: Path, level: str, kind: str = "run") -> list[Finding]:
    found, findings = examine(str(path))
    assert found == kind
    return [finding for finding in findings if finding.level == level]


def test_a_healthy_run_has_no_problem_in_stages_data_and_artifact(tiny_run: Path) -> None:
    kind, findings = examine(str(tiny_run))
    assert kind == "run" and sound(findings), [one for one in findings if one.level == "problem"]
    assert [one.what for one in findings if one.what.startswith("stage ")] == [
        f"stage {name}" for name in ("prepare", "teach", "distill", "export", "evaluate")
    ]
    assert {one.area for one in findings} == {"run", "data set", "artifact"}


def test_a_stage_is_looked_at_within_its_run(tiny_run: Path) -> None:
    assert examine(str(tiny_run / "teach"))[0] == "run"
    assert examine(str(tiny_run / "export"))[0] == "artifact"
    assert examine(str(tiny_run / "prepare"))[0] == "data set"


def test_a_stage_made_from_another_one_is_stale(folder: Path) -> None:
    path = folder / "teach" / "stage.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"fingerprint": "0" * 16}))
    (found,) = of_level(folder, "problem")
    assert found.what == "stage distill" and "stale: made from a teach" in found.found


def test_a_changed_setting_and_another_release_are_named(folder: Path) -> None:
    recipe = folder / "recipe.json"
    content = json.loads(recipe.read_text())
    content["recipe"]["student"]["dim"] = 24
    recipe.write_text(json.dumps(content))
    stage = folder / "evaluate" / "stage.json"
    stage.write_text(json.dumps(json.loads(stage.read_text()) | {"version": 99}))
    found = {one.what: one.found for one in of_level(folder, "problem")}
    assert "student.dim is 24, it was made with 16" in found["stage distill"]
    assert "version 99" in found["stage evaluate"]


def test_a_run_of_an_older_release_is_read(folder: Path) -> None:
    stage = folder / "prepare" / "stage.json"
    stage.write_text(json.dumps(json.loads(stage.read_text()) | {"version": 1}))
    assert not of_level(folder, "problem")
    (told,) = [one.found for one in of_level(folder, "note") if one.what == "stage prepare"]
    assert "version 1 of the stage" in told


def test_unfinished_stages_are_told_apart(folder: Path) -> None:
    shutil.rmtree(folder / "evaluate")
    (folder / "export" / "stage.json").unlink()
    (folder / "distill" / "stage.json").rename(folder / "distill" / "begun.json")
    found = {one.what: one.found for one in of_level(folder, "note")}
    assert found["stage distill"] == "begun and not finished"
    assert found["stage export"] == "not finished"
    assert found["stage evaluate"] == "not run yet"
    assert not of_level(folder, "problem")


def test_a_refused_export_is_a_problem_with_its_gates(folder: Path) -> None:
    (folder / "export" / "stage.json").unlink()
    path = folder / "export" / "report.json"
    report = json.loads(path.read_text()) | {"version": None, "digest": None}
    spread = next(one for one in report["gates"] if one["what"] == "spread of the item vectors")
    spread |= {"saw": 0.008, "passed": False}
    path.write_text(json.dumps(report))
    found = next(one for one in of_level(folder, "problem") if one.what == "stage export")
    assert "spread of the item vectors 0.008, expected at least 0.01 (export.min_spread)" in found.found
    assert "set export.min_spread lower" in found.do


def test_a_run_in_use_is_said_and_left_in_use(folder: Path) -> None:
    with RunFolder(folder).locked():
        (note,) = [one for one in of_level(folder, "note") if one.what == "lock"]
    assert "in use by process" in note.found
    with RunFolder(folder).locked():
        pass  # the doctor keeps no lock


def test_the_stage_at_work_says_since_when_and_how_far_it_has_come(folder: Path) -> None:
    for name in ("export", "evaluate"):
        shutil.rmtree(folder / name)
    distill = folder / "distill"
    (distill / "stage.json").unlink()
    began = datetime(2026, 1, 2, 14, 5).timestamp()
    os.utime(folder / "teach" / "stage.json", (began, began))
    with RunFolder(folder).locked():
        os.utime(folder / ".lock", (began - 3600, began - 3600))
        (distill / "student" / "history.json").unlink()
        journal = Journal(distill / "student", 800)
        journal.begin(0)
        journal.note({"update": 130, "loss": 4.0})
        found = {one.what: one.found for one in of_level(folder, "note")}
    assert found["stage distill"] == "running since 14:05; student: 130 of at most 800 updates"
    assert found["stage export"] == "not there yet"
    found = {one.what: one.found for one in of_level(folder, "note")}
    assert found["stage distill"] == "not finished"


def test_truncated_and_missing_weights_are_named(folder: Path) -> None:
    weights = folder / "teach" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4])
    (folder / "distill" / "student" / "weights.safetensors").unlink()
    found = {one.what: one.found for one in of_level(folder, "problem")}
    assert "is damaged: " in found["teach/weights.safetensors"]
    assert "student/weights.safetensors" in found["stage distill"]


def test_what_a_killed_process_and_a_restart_left_is_counted(folder: Path) -> None:
    (folder / "teach" / ".weights.safetensors.123.tmp").write_bytes(b"0" * 2000)
    shutil.copytree(folder / "teach", folder / "teach.old-1")
    found = {one.what: one.found for one in of_level(folder, "note")}
    assert "teach/.weights.safetensors.123.tmp" in found["temporary files"]
    assert "teach.old-1" in found["kept by --restart"]
    assert not of_level(folder, "problem")


def test_a_damaged_artifact_is_a_problem_of_its_run(folder: Path) -> None:
    (folder / "export" / "student" / "items.json").write_text("[]")
    (found,) = of_level(folder, "problem")
    assert (found.area, found.what) == ("artifact", "items.json")


def test_a_data_set_with_a_truncated_or_missing_array_is_broken(folder: Path) -> None:
    data = folder / "prepare"
    values = data / "log.item.npy"
    values.write_bytes(values.read_bytes()[:-4])
    (found,) = of_level(data, "problem", "data set")
    assert found.what == "log.item.npy"
    values.unlink()
    (found,) = of_level(data, "problem", "data set")
    assert "log.item" in found.found


def test_an_item_that_is_not_there_is_found(folder: Path) -> None:
    path = folder / "prepare" / "test.target.npy"
    target = np.load(path)
    target[0] = 60
    np.save(path, target)
    (found,) = of_level(folder / "prepare", "problem", "data set")
    assert "test.target: an item beyond the 60" in found.found


def test_a_data_set_tells_what_its_summary_counted(folder: Path) -> None:
    path = folder / "prepare" / "summary.json"
    summary = json.loads(path.read_text())
    summary |= {"distinct_texts": 40, "items_without_text": 30, "first_time": 0, "test": 0}
    summary["refused"] = {"an unknown item": {"count": 3, "first": ["a.inter:7"]}}
    summary["mended"] = {"a user with one click": {"count": 2, "first": ["user:9"]}}
    path.write_text(json.dumps(summary))
    _, findings = examine(str(folder / "prepare"))
    found = {one.what: one for one in findings}
    assert found["texts"].level == "note" and "40 distinct" in found["texts"].found
    assert "30 items without text" in found["texts"].found
    assert found["time"].level == "note" and "1970-01-01" in found["time"].found
    assert "a.inter:7" in found["refused: an unknown item"].found
    assert "min_user_clicks" in found["mended: a user with one click"].do
    assert found["train / validation / test"].level == "problem"
