"""`search` as a process: students of one teacher under a budget; a kill in the middle; a changed setting."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli, command, environment
from notebooks_run import run_notebook

from distill_rec.recipe_io import load_recipe
from distill_rec.records import read_record
from distill_rec.search import SearchRecord
from distill_rec.search.records import DrawnRecord, TrialRecord

SPACE = ("--set", "search.space={dim = [8, 16], loss = {kl = [0.0, 1.0]}, optimizer = {max_updates = [20]}}")
TRIALS = ("--trials", 2)

pytestmark = pytest.mark.timeout(900)
"""A search starts processes for each trial; on a busy machine they take their time."""


def search(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command and wait for it."""
    whole = command("search", *arguments)
    return subprocess.run(whole, env=environment(), capture_output=True, text=True, timeout=800, check=False)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory, tiny_recipe: Path, tiny_run: Path) -> Path:
    """A run with a finished search. Not to be changed."""
    run = tmp_path_factory.mktemp("searches") / "tiny"
    shutil.copytree(tiny_run, run, symlinks=True)
    done = search(tiny_recipe, *SPACE, *TRIALS, "--within", 0.9, "--out", run)
    assert done.returncode == 0, done.stderr
    assert "the front on the test" in done.stdout and "search: trials" not in done.stdout
    began = [line for line in done.stderr.splitlines() if line.startswith(("search: the teacher on", "trial "))]
    assert began[0].startswith("search: the teacher on") and began[1].startswith("trial 0: the recipe’s own;")
    return run


def test_its_notebook_runs_from_a_clean_kernel(searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(searched.rglob("*"))
    shown = run_notebook("04_choose_a_student", tmp_path, monkeypatch, DISTILL_REC_RUN=searched)
    assert sorted(searched.rglob("*")) == before
    assert "2 students tried, 0 failed; chosen: #" in "\n".join(one.get("text/plain", "") for one in shown)
    pages = [one["text/html"] for one in shown if "distill-rec" in one.get("text/html", "")]
    assert any("What is kept of the teacher" in page for page in pages) and any("by megabytes" in p for p in pages)


def figures(run: Path) -> list[Any]:
    """What the trials of a search are and found, less clocks and memory."""
    out = []
    for place in sorted((run / "search" / "trials").iterdir()):
        found = read_record(TrialRecord, place / "trial.json")
        out.append((found.changes, found.failure, found.updates, [one.quality for one in found.points]))
    return out


def test_trials_share_data_and_teacher_and_the_smallest_within_is_chosen(searched: Path) -> None:
    found = read_record(SearchRecord, searched / "search" / "search.json")
    assert [one.number for one in found.found] == [0, 1] and not found.failed
    assert found.found[0].changes == {} and found.found[0].student == "the recipe’s own"
    assert found.found[1].changes["optimizer.max_updates"] == found.found[1].updates == 20
    place = searched / "search" / "trials" / "0001"
    assert (place / "teach").is_symlink() and (place / "teach").resolve() == (searched / "teach").resolve()
    assert not (place / "distill" / "undistilled").exists()
    assert found.chosen is not None
    chosen = found.point(found.chosen)
    assert chosen.point.megabytes == min(one.point.megabytes for one in found.found if one.fits)
    assert chosen.test is not None and set(found.baselines) == {"popularity", "teacher"}
    page = (searched / "search" / "search.html").read_text("utf-8")
    assert page.count("<svg") == 2 and "http" not in page


def test_the_best_recipe_is_one_that_run_takes_on_the_same_run(searched: Path, tmp_path: Path, cli: Cli) -> None:
    found = read_record(SearchRecord, searched / "search" / "search.json")
    assert found.chosen is not None
    best = load_recipe(searched / "search" / "best.toml")
    assert best.student is not None and best.student.initialised  # the recipe's, which a trial leaves out
    for key, value in found.point(found.chosen).changes.items():
        assert key != "dim" or best.student.dim == value
    run = tmp_path / "run"
    shutil.copytree(searched, run, symlinks=True)
    best_path = run / "search" / "best.toml"
    done = cli("run", best_path, "--out", run, "--restart", "distill", "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    states = {one["stage"]: one["state"] for one in json.loads(done.stdout)["stages"]}
    assert (states["prepare"], states["teach"], states["distill"]) == ("finished", "finished", "to run")


def test_a_killed_search_goes_on_to_the_same_trials(searched: Path, tiny_recipe: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(searched, run, symlinks=True)
    shutil.rmtree(run / "search" / "trials" / "0001")  # drawn anew, killed in its training, and gone on with
    whole = command("search", tiny_recipe, *SPACE, *TRIALS, "--within", 0.9, "--out", run)
    process = subprocess.Popen(whole, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    place = run / "search" / "trials" / "0001"
    until = time.monotonic() + 300
    while not any(place.glob("distill/student/checkpoint-*.json")) and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert read_record(DrawnRecord, place / "drawn.json").changes and not (place / "trial.json").exists()
    done = search(tiny_recipe, *SPACE, *TRIALS, "--within", 0.9, "--out", run)
    assert done.returncode == 0, done.stderr
    assert figures(run) == figures(searched)


def test_changed_settings_and_budgets_that_nothing_fits_are_told(
    searched: Path, tiny_recipe: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(searched, run, symlinks=True)
    changed = search(tiny_recipe, *SPACE, *TRIALS, "--set", "student.table_dim=8", "--out", run)
    assert (
        changed.returncode == 1 and "key student.table_dim: 8" in changed.stderr and "begun with 16" in changed.stderr
    )
    small = search(tiny_recipe, *SPACE, *TRIALS, "--max-megabytes", 0.001, "--out", run, "--json")
    assert small.returncode == 1 and "no trial within the budget" in small.stderr
    assert json.loads(small.stdout)["chosen"] is None and not (run / "search" / "best.toml").exists()
    assert [one["fits"] for one in json.loads(small.stdout)["found"]] == [False] * 2
    tomllib.loads((searched / "search" / "best.toml").read_text("utf-8"))
