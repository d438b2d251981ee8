"""A killed run goes on, ends in the same weights, and nothing is half-written."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import Cli, command, environment

WEIGHTS = [f"{folder}/weights.safetensors" for folder in ("teach", "distill/student", "distill/undistilled")]
PART = {  # what a stage has left on disk when it is in the middle
    "prepare": ".prepare.*",
    "teach": "teach/variants/*/checkpoint-*.json",
    "distill": "distill/student/checkpoint-*.json",
    "export": "export/versions/.*",
}


def kill_in_the_middle(recipe: Path, folder: Path, stage: str) -> None:
    """Start the run and kill it, with its children, once the stage has left its first traces."""
    process = subprocess.Popen(
        command("run", recipe, "--out", folder),
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 240
    while not any(folder.glob(PART[stage])) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    if stage in ("teach", "distill"):
        time.sleep(0.1)  # some windows further
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def versions(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "export" / "versions").iterdir())


def test_a_run_killed_in_every_stage_ends_in_the_same_weights(
    tiny_recipe: Path, tiny_run: Path, tmp_path: Path, cli: Cli
) -> None:
    folder = tmp_path / "killed"
    for stage in PART:
        kill_in_the_middle(tiny_recipe, folder, stage)
        assert any(folder.glob(PART[stage])), "killed too early or too late to test anything"
        assert not (folder / stage / "stage.json").exists()
    done = cli("run", tiny_recipe, "--out", folder)
    assert done.returncode == 0, done.stderr
    for name in WEIGHTS:
        assert (folder / name).read_bytes() == (tiny_run / name).read_bytes(), name
    assert (folder / "export" / "student").resolve().name in versions(folder)
    assert not [name for name in versions(folder) if name.startswith(".")]
    first, second = (json.loads((path / "evaluate/results.json").read_text()) for path in (folder, tiny_run))
    assert first["tables"] == second["tables"]


def test_a_finished_run_is_not_run_again(tiny_recipe: Path, tiny_run: Path, cli: Cli) -> None:
    before = {path: path.stat().st_mtime_ns for path in tiny_run.rglob("*.safetensors")}
    done = cli("run", tiny_recipe, "--out", tiny_run, "--json")
    assert not any(stage["ran"] for stage in json.loads(done.stdout)["stages"]), done.stderr
    assert before == {path: path.stat().st_mtime_ns for path in tiny_run.rglob("*.safetensors")}


def test_a_key_that_came_with_a_later_release_does_not_spoil_a_finished_run(
    tiny_recipe: Path, tiny_run: Path, tmp_path: Path, cli: Cli
) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run, symlinks=True)
    path = run / "distill" / "stage.json"
    record = json.loads(path.read_text())
    del record["settings"]["student.kind"]  # at its default
    path.write_text(json.dumps(record))
    assert cli("run", tiny_recipe, "--out", run).returncode == 0
    del record["settings"]["student.dim"]  # not at its default
    path.write_text(json.dumps(record))
    done = cli("run", tiny_recipe, "--out", run)
    assert done.returncode == 1 and "key student.dim" in done.stderr


def test_ctrl_c_says_that_the_same_command_goes_on(tiny_recipe: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        command("run", tiny_recipe, "--out", tmp_path / "run"), env=environment(), stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 240
    while not any((tmp_path / "run").glob(PART["teach"])) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on" in stderr
    assert "Traceback" not in stderr


@pytest.fixture
def copied(tiny_run: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny_run, tmp_path / "run", symlinks=True)
    return tmp_path / "run"


@pytest.mark.parametrize(
    ("change", "stage"),
    [("teacher.dim=8", "teach"), ("student.loss.kl=2.0", "distill"), ("data.min_rating=5", "prepare")],
)
def test_a_setting_changed_after_its_stage_is_named(
    change: str, stage: str, tiny_recipe: Path, tiny_run: Path, cli: Cli
) -> None:
    done = cli("run", tiny_recipe, "--out", tiny_run, "--set", change)
    assert done.returncode == 1
    assert f"key {change.split('=')[0]}" in done.stderr
    assert f"--restart {stage}" in done.stderr


def test_a_changed_input_file_is_noticed(
    copied: Path, tiny_recipe: Path, tiny_data: Path, tmp_path: Path, cli: Cli
) -> None:
    shutil.copytree(tiny_data, tmp_path / "data")
    moved = cli("run", tiny_recipe, "--out", copied, "--set", f"data.path={tmp_path / 'data'}")
    assert moved.returncode == 0, moved.stderr
    with (tmp_path / "data" / "tiny.inter").open("a") as file:
        file.write("1\t1\t5\t1700000000\n")
    done = cli("run", tiny_recipe, "--out", copied, "--set", f"data.path={tmp_path / 'data'}")
    assert done.returncode == 1
    assert "key data.path: the files it names have changed" in done.stderr


def test_restart_runs_a_stage_and_the_later_ones_and_keeps_the_old(copied: Path, tiny_recipe: Path, cli: Cli) -> None:
    link = (copied / "export" / "student").resolve()
    done = cli("run", tiny_recipe, "--out", copied, "--set", "student.seed=3", "--restart", "distill", "--json")
    assert done.returncode == 0, done.stderr
    stages = {stage["stage"]: stage["ran"] for stage in json.loads(done.stdout)["stages"]}
    assert stages == {"prepare": False, "teach": False, "distill": True, "export": True, "evaluate": True}
    assert (copied / "distill.old-1" / "student" / "model.json").exists()
    assert (copied / "export" / "student").resolve() != link
    assert link.exists()


def test_a_second_process_is_told_that_the_folder_is_in_use(copied: Path, tiny_recipe: Path, cli: Cli) -> None:
    import fcntl

    with (copied / ".lock").open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = cli("run", tiny_recipe, "--out", copied)
    assert done.returncode == 1
    assert "in use by process" in done.stderr
    assert cli("run", tiny_recipe, "--out", copied).returncode == 0


def test_a_stage_that_is_alone_stops_after_it(tiny_recipe: Path, tmp_path: Path, cli: Cli) -> None:
    done = cli("prepare", tiny_recipe, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "90" in done.stdout
    assert sorted(path.name for path in (tmp_path / "run").iterdir() if path.is_dir()) == ["prepare"]


def test_a_full_disk_is_a_message_and_the_same_command_goes_on(tiny_recipe: Path, tmp_path: Path, cli: Cli) -> None:
    import resource

    limited = subprocess.run(
        command("prepare", tiny_recipe, "--out", tmp_path / "run"),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024)),
    )
    assert limited.returncode == 1
    assert "Traceback" not in limited.stderr, limited.stderr
    assert not (tmp_path / "run" / "prepare" / "stage.json").exists()
    assert cli("prepare", tiny_recipe, "--out", tmp_path / "run").returncode == 0


def test_a_refused_change_leaves_the_run_as_it_was(tiny_recipe: Path, copied: Path, cli: Cli) -> None:
    before = (copied / "recipe.json").read_bytes()
    assert cli("run", tiny_recipe, "--out", copied, "--set", "student.seed=5", "--restart", "evaluate").returncode == 1
    assert (copied / "recipe.json").read_bytes() == before
    assert (copied / "evaluate" / "results.json").exists()


def test_a_stage_that_the_recipe_has_no_section_for_is_named(tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "r.toml").write_text("[data]\n")
    done = cli("teach", tmp_path / "r.toml", "--out", tmp_path / "run")
    assert done.returncode == 1
    assert "no section [teacher]" in done.stderr
