"""Trainings side by side give what they give one after another, and none outlives the command that began it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from conftest import Cli
from side_by_side import TWO, gone, kill_beside

from distill_rec.children import Job, run_beside, run_jobs
from distill_rec.progress import Quiet, QuietTask
from distill_rec.runtime.errors import DataError, TrainingError

STUDENTS = ("student", "undistilled", "initialised")
JOBS = """
import os, signal, time
from distill_rec.runtime.errors import DataError

def write(path, progress):
    with progress.task("writing", 2) as task:
        task.advance()
        task.note(os.environ["OMP_NUM_THREADS"])
        task.advance()
    print("what a library prints")
    open(path, "w").write("done")

def refuse(progress):
    raise DataError("clicks.csv", "a line", "another", "Do this.")

def broken(progress):
    print("what a library prints")
    raise ValueError("no error of ours")

def killed(progress):
    os.kill(os.getpid(), signal.SIGKILL)

def long(path, progress):
    open(path, "w").write(str(os.getpid()))
    time.sleep(600)
"""


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "jobs_of_a_test.py").write_text(JOBS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def job(name: str, **arguments: str) -> Job:
    return Job(name, f"jobs_of_a_test:{name}", arguments)


class Seen(Quiet):
    def __init__(self) -> None:
        self.seen: list[str] = []

    def task(self, description: str, total: int | None = None) -> QuietTask:
        seen = self.seen
        seen.append(f"{description} of {total}")

        class One(QuietTask):
            def advance(self, steps: int = 1) -> None:
                seen.append(f"+{steps}")

            def note(self, text: str) -> None:
                seen.append(f"{text} thread")

        return One()


def test_a_job_is_done_with_its_share_of_the_threads_and_its_progress_is_seen_here(jobs: Path) -> None:
    seen = Seen()
    run_beside([job("write", path=str(jobs / "out"))], 2, seen, share=1)
    assert (jobs / "out").read_text() == "done"
    assert seen.seen == ["writing of 2", "+1", "1 thread", "+1"]


def test_an_error_is_raised_here_as_it_was_there_and_the_other_job_is_ended(jobs: Path) -> None:
    with pytest.raises(DataError, match=r"clicks\.csv: a line; expected another\. Do this\.$"):
        run_beside([job("long", path=str(jobs / "pid")), job("refuse")], 2, Quiet())
    if (jobs / "pid").exists():  # it had begun
        assert gone(int((jobs / "pid").read_text()))
    with pytest.raises(TrainingError, match=r"killed: its process ended with signal SIGKILL.*it goes on"):
        run_beside([job("killed")], 1, Quiet())


def test_a_job_that_breaks_is_told_by_its_last_line_and_the_file_of_what_it_printed(jobs: Path) -> None:
    [broken, done] = run_jobs([job("broken"), job("write", path=str(jobs / "out"))], Quiet(), stderr=jobs / "log.txt")
    assert done.error is None and done.peak_bytes > 1 << 20
    assert str(broken.error).startswith("broken: ValueError: no error of ours; expected to finish. More in "), broken
    assert "what a library prints" in (jobs / "log.txt").read_text()


def test_students_trained_side_by_side_are_the_same_to_the_byte_also_after_a_kill(
    tiny_recipe: Path, tiny_run: Path, tmp_path: Path, cli: Cli
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(tiny_run, folder, symlinks=True)
    for stage in ("distill", "export", "evaluate"):
        shutil.rmtree(folder / stage)
    ask = ("distill", tiny_recipe, "--out", folder)
    kill_beside(ask, folder, "distill/*/checkpoint-*.json", tmp_path)
    done = cli(*ask, env=TWO)
    assert done.returncode == 0, done.stderr
    for name in STUDENTS:
        weights = f"distill/{name}/weights.safetensors"
        assert (folder / weights).read_bytes() == (tiny_run / weights).read_bytes(), name
