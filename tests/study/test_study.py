"""`tune-study` as a process: rows side by side, a kill in the middle, a row that fails, a changed setting."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli, command, environment

from distill_rec.records import read_record
from distill_rec.study import StudyRecord

BUDGET = ("--max-updates", 80, "--warm-up", 0.5, "--seeds", 2)
ROWS = ("--tunings", "head,last:1,lora:1,rank=2")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, tiny_recipe: Path, cli: Cli) -> Path:
    """A finished study of three rows and two seeds. Not to be changed."""
    folder = tmp_path_factory.mktemp("studies") / "tiny"
    done = cli("tune-study", tiny_recipe, *ROWS, *BUDGET, "--out", folder)
    assert done.returncode == 0, done.stderr
    assert "weights that learn" in done.stdout and "Does “output layer only is poor” hold here?" in done.stdout
    assert "study: trainings" not in done.stdout
    return folder


def figures(folder: Path) -> list[Any]:
    """What a study found, less clocks and memory."""
    found = read_record(StudyRecord, folder / "study.json")
    return [
        (
            row.model_dump(exclude={"trained"}),
            [
                (one.updates, one.warm_up_updates, one.best, one.moved, [value for _, value in one.curve])
                for one in row.trained
            ],
        )
        for row in found.rows
    ] + [base.model_dump() for base in found.baselines]


def test_a_study_sets_rows_side_by_side_under_one_budget(study: Path) -> None:
    found = read_record(StudyRecord, study / "study.json")
    assert [row.name for row in found.rows] == ["head", "last:1", "lora:1,rank=2"]
    assert [base.name for base in found.baselines] == ["popularity", "untrained"]
    head, last, lora = found.rows
    assert head.trained_parameters < lora.trained_parameters < last.trained_parameters  # type: ignore[operator]
    assert (head.trunk_rate, last.trunk_rate, lora.trunk_rate) == (None, 2e-5, 1e-3)
    for row in found.rows:
        assert [one.seed for one in row.trained] == [0, 1] and not row.failures
        assert all(one.warm_up_updates + one.updates <= 80 and one.peak_bytes > 100 << 20 for one in row.trained)
        assert row.quality is not None and row.quality["ndcg@10"].spread is not None
        assert row.against_untrained is not None and (row.against_head is None) == (row is head)
    assert all(one.warm_up_updates == 40 and one.trunk_moved for one in last.trained)
    assert all(one.warm_up_updates == 0 and one.trunk_moved is None for one in head.trained)
    text = " ".join(verdict.text for verdict in found.verdicts)
    assert "Are last layers unstable here (last:1)?" in text and "Best in nDCG@10" in text


def test_a_cell_is_an_ordinary_teacher_and_its_warm_up_is_trained_once(study: Path) -> None:
    from distill_rec.teacher_model import Teacher

    cell = study / "last-1" / "1"
    assert Teacher.load(cell).config["section"]["seed"] == 1
    assert len(list(cell.glob("variants/*/history.json"))) == 2  # the head's, and the tuning's


def test_the_page_holds_everything_and_fetches_nothing(study: Path) -> None:
    page = (study / "study.html").read_text("utf-8")
    assert "http" not in page and page.count("<svg") == 3 and 'class="band"' in page
    assert "the head’s warm-up is in them" in page and "lora:1,rank=2" in page


def test_a_study_killed_in_the_middle_goes_on_to_the_same_figures(
    study: Path, tiny_recipe: Path, tmp_path: Path, cli: Cli
) -> None:
    folder = tmp_path / "killed"
    arguments = ("tune-study", tiny_recipe, *ROWS, *BUDGET, "--out", folder)
    process = subprocess.Popen(
        command(*arguments), env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    middle = "last-1/0/variants/last-1-*/checkpoint-*.json"
    deadline = time.monotonic() + 120
    while not any(folder.glob(middle)) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)  # the study alone: its cell must end by itself
    process.wait()
    assert any(folder.glob(middle)), "killed too early or too late to test anything"
    finished = folder / "head" / "0" / "weights.safetensors"
    before = finished.stat().st_mtime_ns
    done = cli(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    assert figures(folder) == figures(study)
    assert finished.stat().st_mtime_ns == before
    assert json.loads(done.stdout)["rows"][1]["trained"][0]["resumed"]


def test_a_failing_row_does_not_lose_the_others_and_is_tried_again(tiny_recipe: Path, tmp_path: Path, cli: Cli) -> None:
    arguments = ("tune-study", tiny_recipe, "--tunings", "head,last:9", "--max-updates", 40, "--seeds", 1)
    done = cli(*arguments, "--out", tmp_path / "study", "--json")
    assert done.returncode == 0, done.stderr
    head, broken = json.loads(done.stdout)["rows"]
    assert head["quality"] and head["trained"] and not head["failures"]
    assert broken["quality"] is None and "9" in broken["failures"][0]["why"], broken
    assert "row last:9, seed 0 failed" in done.stderr
    assert "Failed: last:9 in 1 of 1 seeds" in json.dumps(json.loads(done.stdout)["verdicts"], ensure_ascii=False)


def test_a_changed_setting_is_refused_by_name_and_more_seeds_are_not(
    study: Path, tiny_recipe: Path, tmp_path: Path, cli: Cli
) -> None:
    arguments = ("tune-study", tiny_recipe, *ROWS, *BUDGET, "--out", study)
    done = cli(*arguments, "--set", "teacher.dim=8")
    assert done.returncode == 1 and "key teacher.dim: 8, but study" in done.stderr and "with 16" in done.stderr
    done = cli("tune-study", tiny_recipe, *ROWS, "--max-updates", 90, "--seeds", 2, "--out", study)
    assert done.returncode == 1 and "a budget of 90 updates" in done.stderr and "--out" in done.stderr
    plan = cli(*arguments, "--dry-run", "--seeds", 3, "--json")
    assert [row["finished"] for row in json.loads(plan.stdout)["rows"]] == [2, 2, 2], plan.stderr


def test_variations_of_the_data_share_what_is_equal_and_the_test(tiny_recipe: Path, tmp_path: Path, cli: Cli) -> None:
    out = tmp_path / "study"
    arguments = ("tune-study", tiny_recipe, "--tunings", "head", "--max-updates", 20, "--seeds", 1)
    done = cli(*arguments, "--vary", "data.max_history=5,10", "--vary", "teacher.dim=8,16", "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert [row["name"] for row in rows][:2] == ["head max_history=5 dim=8", "head max_history=5 dim=16"]
    assert len(rows) == 4 and len(list((out / "data").iterdir())) == 2
    other = cli(*arguments, "--vary", "data.test_share=0.2,0.3", "--out", tmp_path / "other")
    assert other.returncode == 1 and "another test than that of the first row" in other.stderr
