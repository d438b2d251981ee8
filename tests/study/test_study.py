"""`tune-study` as a process: rows side by side, one of which fails; a kill in the middle; a changed setting."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli, command, environment
from notebooks_run import run_notebook

from distill_rec.progress import Quiet
from distill_rec.records import read_record
from distill_rec.runtime.errors import RecipeError
from distill_rec.study import StudyRecord
from distill_rec.study.cells import train_cells
from distill_rec.study.plan import plan_study
from distill_rec.study.prepared import prepare_data
from distill_rec.study.records import Budget

RATE = "full teacher.trunk_optimizer.trunk_learning_rate=1e30"
ROWS = ("--tunings", "head,last:1,full", "--for", RATE)
"""At such a rate the last row fails."""
BUDGET = ("--max-updates", 60, "--seeds", 1)

pytestmark = pytest.mark.timeout(900)
"""A study starts a process for each training; on a busy machine they take their time."""


@pytest.fixture(scope="module")
def tune_study(cli: Cli) -> Cli:
    """Run the command and wait for it."""
    return partial(cli, "tune-study", timeout=800)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, tiny_recipe: Path, tune_study: Cli) -> Path:
    """A finished study. Not to be changed."""
    folder = tmp_path_factory.mktemp("studies") / "tiny"
    quick = ("--set", "teacher.optimizer.checkpoint_seconds=60")
    done = tune_study(tiny_recipe, *ROWS, *BUDGET, *quick, "--out", folder)
    assert done.returncode == 0, done.stderr
    assert "weights that learn" in done.stdout and "Does “output layer only is poor” hold here?" in done.stdout
    assert "row full, seed 0 failed" in done.stderr and "study: trainings" not in done.stdout
    return folder


def test_its_notebook_runs_from_a_clean_kernel(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(study.rglob("*"))
    shown = run_notebook("03_how_much_to_tune", tmp_path, monkeypatch, DISTILL_REC_STUDY=study)
    assert sorted(study.rglob("*")) == before
    told = "\n".join(one.get("text/plain", "") for one in shown)
    assert "3 tunings, seeds [0], a budget of 60 updates" in told and "nothing of it learns" in told
    assert any("image/png" in one for one in shown)
    assert any("what it took" in one.get("text/html", "").lower() for one in shown)


def figures(study: StudyRecord, name: str) -> list[Any]:
    """What a study found of a row, less clocks and memory; means to what sums of other columns beside may change."""
    kept, row = {"updates", "warm_up_updates", "best", "moved"}, study.row(name)
    assert row.quality is not None and row.against_untrained is not None
    return [
        {metric: round(cell.mean, 8) for metric, cell in row.quality.items()},
        round(row.against_untrained.value, 8),
        [(one.model_dump(include=kept), [value for _, value in one.curve]) for one in row.trained],
    ]


def test_a_study_sets_rows_side_by_side_under_one_budget(study: Path) -> None:
    found = read_record(StudyRecord, study / "study.json")
    assert [base.name for base in found.baselines] == ["popularity", "untrained"]
    head, last, _ = found.rows
    assert head.trained_parameters < last.trained_parameters < last.parameters  # type: ignore[operator]
    assert (head.trunk_rate, last.trunk_rate) == (None, 2e-5)
    for row in (head, last):
        assert [one.seed for one in row.trained] == [0] and not row.failures
        assert all(one.warm_up_updates + one.updates == 60 and one.peak_bytes > 100 << 20 for one in row.trained)
        assert row.quality is not None
        assert row.against_untrained is not None and (row.against_head is None) == (row is head)
    assert all(one.warm_up_updates == 30 and one.trunk_moved for one in last.trained)
    assert all(one.warm_up_updates == 0 and one.trunk_moved is None for one in head.trained)


def test_a_failing_row_is_named_and_does_not_lose_the_others(study: Path) -> None:
    found = read_record(StudyRecord, study / "study.json")
    broken = found.row("full")
    assert broken.quality is None and [one.seed for one in broken.failures] == [0]
    assert "not finite" in broken.failures[0].why or "a finite number" in broken.failures[0].why
    said = [verdict.text for verdict in found.verdicts]
    assert said[0].startswith("Failed: full in 1 of 1 seeds (seed 0: ")
    assert any("Are last layers unstable here (last:1)?" in text for text in said)
    assert any(text.startswith("Best in nDCG@10: ") for text in said)


def test_a_cell_is_an_ordinary_teacher_and_its_warm_up_is_trained_once(study: Path) -> None:
    from distill_rec.teacher_model import Teacher

    cell = study / "last-1" / "0"
    assert Teacher.load(cell).config["section"]["tuning"] == "last:1"
    assert len(list(cell.glob("variants/*/history.json"))) == 2  # the head's, and the tuning's


def test_the_page_holds_everything_and_fetches_nothing(study: Path) -> None:
    page = (study / "study.html").read_text("utf-8")
    assert "http" not in page and page.count("<svg") == 3
    assert "the head’s warm-up is in them" in page and "failed (1 of 1)" in page


def test_a_study_killed_in_the_middle_goes_on_to_the_same_figures(
    study: Path, tiny_recipe: Path, tmp_path: Path, tune_study: Cli
) -> None:
    folder = tmp_path / "killed"
    arguments = (tiny_recipe, "--tunings", "last:1", *BUDGET, "--out", folder)
    process = subprocess.Popen(
        command("tune-study", *arguments),
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    middle = "last-1/0/variants/last-1-*/checkpoint-*.json"
    deadline = time.monotonic() + 400
    while not any(folder.glob(middle)) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)  # the study alone: its cell must end by itself
    process.wait()
    assert any(folder.glob(middle)), "killed too early or too late to test anything"
    done = tune_study(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"][0]["trained"][0]["resumed"]
    one, other = (read_record(StudyRecord, path / "study.json") for path in (folder, study))
    assert figures(one, "last:1") == figures(other, "last:1")


def test_finished_trainings_are_kept(study: Path, tiny_recipe: Path) -> None:
    budget = Budget(unit="max_updates", amount=60, warm_up=0.5)
    plan = plan_study(tiny_recipe, [], ["head", "last:1"], budget, seeds=1)
    before = {path: path.stat().st_mtime_ns for path in study.glob("*/0/*")}
    train_cells(plan, {}, study, Quiet())
    assert len(before) > 10 and before == {path: path.stat().st_mtime_ns for path in study.glob("*/0/*")}


def test_a_changed_setting_is_refused_by_name_and_more_seeds_are_not(
    study: Path, tiny_recipe: Path, tune_study: Cli
) -> None:
    done = tune_study(tiny_recipe, *ROWS, *BUDGET, "--out", study, "--set", "teacher.dim=8")
    assert done.returncode == 1 and "row head, key teacher.dim: 8, but study" in done.stderr, done.stderr
    assert "with 16. Set it back, or name another folder with --out" in done.stderr
    done = tune_study(tiny_recipe, *ROWS, "--max-updates", 90, "--out", study)
    assert done.returncode == 1 and "--max-updates: a budget of 90 updates, but study" in done.stderr, done.stderr
    plan = tune_study(tiny_recipe, *ROWS, "--max-updates", 60, "--seeds", 3, "--out", study, "--dry-run", "--json")
    assert [row["finished"] for row in json.loads(plan.stdout)["rows"]] == [1, 1, 0], plan.stderr


def test_variations_share_the_data_that_is_equal_and_must_share_the_test(tiny_recipe: Path, tmp_path: Path) -> None:
    def prepared(*vary: str) -> dict[str, Path]:
        budget = Budget(unit="max_updates", amount=10, warm_up=0.5)
        plan = plan_study(tiny_recipe, [], ["head", "last:1"], budget, vary=vary)
        return prepare_data(plan, tmp_path, tiny_recipe.parent, Quiet())

    found = prepared("data.max_history=5,10", "teacher.dim=8,16")
    assert len(found) == 8 and len(set(found.values())) == 2
    assert found["head max_history=5 dim=8"] == found["last:1 max_history=5 dim=16"]
    with pytest.raises(RecipeError, match=r"row head test_share=0.3: another test than that of the first row"):
        prepared("data.test_share=0.2,0.3")
