"""A refresh goes on from a finished run, is the same when it was killed, and publishes nothing that is worse."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import Cli, command, environment

from distill_rec.artifact.publish import rollback
from distill_rec.artifact.refusals import no_student
from distill_rec.doctor import examine
from distill_rec.files import read_json
from distill_rec.pipeline.run_stages import run_stages
from distill_rec.recipe import Recipe
from distill_rec.recipe_io import load_recipe
from distill_rec.refresh import Gently, folder_beside, publish_into, refreshed_recipe
from distill_rec.runtime import Student
from distill_rec.runtime.errors import RecipeError, RunError

BEGAN = 1_610_000_100
WEIGHTS = ("teach/weights.safetensors", "distill/student/weights.safetensors")


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def recorded_recipe(run: Path) -> Recipe:
    return load_recipe(read_json(run / "recipe.json")["recipe"])


@pytest.fixture(scope="module")
def arguments(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """A refresh of the tiny run: two weeks of clicks of forty users, one of them new, and on a new item."""
    folder = tmp_path_factory.mktemp("new")
    generator = np.random.default_rng(3)
    rows = []
    for user in range(60, 100):
        name = "newcomer" if user == 99 else user
        own = [*generator.permutation(np.arange(user % 3, 60, 3))[:5], *(["late"] if user % 3 == 0 else [])]
        rows += [f"{name}\t{item}\t5\t{BEGAN + 9000 * place + user}\n" for place, item in enumerate(own)]
    (folder / "week.inter").write_text("user_id:token\titem_id:token\trating:float\ttimestamp:float\n" + "".join(rows))
    (folder / "week.item").write_text("item_id:token\ttitle:token_seq\nlate\tred river wind\n")
    given = ["--clicks", folder / "week.inter", "--items", folder / "week.item", "--max-updates", 20]
    return ["refresh", tiny_run, *given, "--set", "refresh.max_loss=1.0"]


@pytest.fixture(scope="module")
def refreshed(arguments: list[object], tiny_run: Path, tmp_path_factory: pytest.TempPathFactory, cli: Cli) -> Path:
    """That refresh, killed while its student was trained and gone on with. Not to be changed: copy it first."""
    folder, before = tmp_path_factory.mktemp("refreshed") / "tiny-2", digests(tiny_run)
    process = subprocess.Popen(
        command(*arguments, "--out", folder), env=environment(), stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 200
    while not any(folder.glob("distill/student/checkpoint-*.json")) and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (folder / "distill" / "stage.json").exists()
    done = cli(*arguments, "--out", folder, "--into", folder.parent / "live", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["published"] and told["comparison"]["before"] == str(tiny_run)
    assert [stage["stage"] for stage in told["stages"] if not stage["ran"]] == ["prepare", "teach"]
    assert digests(tiny_run) == before
    return folder


def test_killed_or_not_its_recipe_alone_gives_the_same_weights(refreshed: Path, tmp_path: Path) -> None:
    run_stages(recorded_recipe(refreshed), tmp_path / "whole", until="distill")
    for name in WEIGHTS:
        assert (refreshed / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_it_knows_the_new_item_and_is_published_where_a_service_looks(refreshed: Path) -> None:
    live = refreshed.parent / "live"
    assert "late" in Student.load(live / "student").item_ids
    assert sorted(os.listdir(live / "versions")) == ["1", "2"]
    assert "late" not in Student.load(live / "versions" / "1").item_ids  # the one before, to go back to
    assert rollback(live) == "1"
    assert publish_into(refreshed, live, 3) == "2"
    assert os.readlink(live / "student") == "versions/1"  # what was rolled back stays so
    history = read_json(refreshed / "distill" / "student" / "history.json")
    assert history["rates"][0]["learning_rate"] == pytest.approx(0.3 * 2e-3)
    assert history["updates"] == 20


def test_a_worse_student_is_not_published_unless_asked(
    refreshed: Path, arguments: list[object], tmp_path: Path, cli: Cli
) -> None:
    run = tmp_path / "run"
    shutil.copytree(refreshed, run, symlinks=True)
    shutil.rmtree(run / "export")
    shutil.rmtree(run / "evaluate")
    verdict = read_json(run / "refresh" / "verdict.json")
    (run / "refresh" / "verdict.json").write_text(json.dumps(verdict | {"worse": True, "value": -0.02}))
    done = cli(*arguments, "--out", run)
    assert done.returncode == 3
    assert "-0.0200 nDCG@10" in done.stderr and "Nothing was published" in done.stderr
    assert not (run / "export").exists()
    assert "-0.0200 nDCG@10" in str(no_student(run / "export" / "student"))
    assert any("-0.0200" in one.found for one in examine(str(run))[1])
    done = cli(*arguments, "--out", run, "--anyway")
    assert done.returncode == 0, done.stderr
    assert "before" in done.stdout
    assert (run / "export" / "student" / "manifest.json").exists()


def test_what_cannot_be_gone_on_from_is_said(tiny_run: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run here"):
        refreshed_recipe(tmp_path)
    copied = tmp_path / "copied"
    shutil.copytree(tiny_run, copied, symlinks=True)
    (copied / "distill" / "stage.json").unlink()
    with pytest.raises(RunError, match="not finished"):
        refreshed_recipe(copied)
    summary = copied / "prepare" / "summary.json"
    summary.write_text(json.dumps(read_json(summary) | {"last_time": None}))
    shutil.copyfile(tiny_run / "distill" / "stage.json", copied / "distill" / "stage.json")
    with pytest.raises(RecipeError, match="no times"):
        refreshed_recipe(copied)


def test_the_recipe_says_all_of_it_and_a_refresh_of_a_refresh_goes_on(refreshed: Path, tiny_run: Path) -> None:
    first = read_json(refreshed / "recipe.json")["recipe"]
    recipe, _ = refreshed_recipe(refreshed, ["day.inter"], gently=Gently(0.5, 0.1))
    assert recipe.data.more_clicks == [*first["data"]["more_clicks"], str(Path.cwd() / "day.inter")]
    assert recipe.data.newest_from == read_json(refreshed / "prepare" / "summary.json")["last_time"] + 1
    assert recipe.teacher is not None and recipe.student is not None
    teacher = recipe.teacher.model_dump()
    assert teacher["begin"] == str(refreshed / "teach") and teacher["optimizer"]["rate_factor"] == 0.1
    assert teacher["optimizer"]["learning_rate"] == 2e-3  # no factor of a factor
    assert (recipe.student.begin, recipe.student.undistilled) == (str(refreshed / "distill" / "student"), False)
    assert folder_beside(refreshed, recipe) == refreshed.parent / "tiny-3"
    assert folder_beside(tiny_run, load_recipe(first)) == tiny_run.parent / "tiny-2"


def test_choices_that_were_made_are_not_made_again(tiny_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run, symlinks=True)
    recorded = read_json(run / "recipe.json")
    tries = [{"learning_rate": 0.1}, {"learning_rate": 0.01}]
    recorded["recipe"]["student"]["optimizer"]["tries"] = tries
    (run / "recipe.json").write_text(json.dumps(recorded))
    history = run / "distill" / "student" / "history.json"
    told = [{"changes": one, "stopped": "plateau"} for one in tries]
    history.write_text(json.dumps(read_json(history) | {"tries": told, "chosen_try": 1}))
    recipe, _ = refreshed_recipe(run)
    assert recipe.student is not None
    assert (recipe.student.optimizer.tries, recipe.student.optimizer.learning_rate) == ([], 0.01)
