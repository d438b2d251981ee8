"""Several teachers in one run: trained one by one, each kept while it is the same, one column each, resumed."""

from __future__ import annotations

import io
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
from rich.console import Console
from side_by_side import TWO, kill_beside

from distill_rec import Run
from distill_rec.ensemble.members import beside
from distill_rec.pipeline.trainings import print_trainings
from distill_rec.recipe_io import load_recipe
from distill_rec.runtime import Student
from distill_rec.several_teachers import EnsembleSection

LONG = 60
TEACHERS = """[[teacher]]
name = "text"
trunk = "{trunk}"
dim = 16
device = "cpu"
[teacher.optimizer]
{optimizer}max_updates = {updates}
[[teacher]]
name = "ids"
kind = "item_ids"
dim = 8
device = "cpu"
[teacher.optimizer]
{optimizer}max_updates = {updates}
[student]
"""
OPTIMIZER = "batch_size = 16\nwindow = 2\ncheckpoint_seconds = 0\nvalidate_every = 10\nwarmup_updates = 2\n"
WEIGHTS = [f"{folder}/weights.safetensors" for folder in ("teach/text", "teach/ids", "distill/student")]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory, tiny_recipe: Path, tiny_trunk: Path) -> Path:
    text = tiny_recipe.read_text()
    before, _, rest = text.partition("[teacher]")
    student = rest.partition("[student]\n")[2].replace("initialised = true\n", "")
    teachers = TEACHERS.format(trunk=tiny_trunk, optimizer=OPTIMIZER, updates=LONG)
    path = tmp_path_factory.mktemp("several") / "several.toml"
    path.write_text(before + teachers + student.replace("[export]\n", "[export]\nteacher = true\n"))
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, recipe: Path, cli: Cli) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "several"
    done = cli("run", recipe, "--out", folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_each_has_a_column_and_their_sum_is_the_teacher(finished: Path) -> None:
    run = Run.load(finished)
    assert run.results.models == ["popularity", "untrained", "undistilled", "student", "text", "ids", "teacher"]
    pairs = {(found.first, found.second) for found in run.results.test.differences}
    assert {("teacher", "text"), ("teacher", "ids"), ("student", "ids")} <= pairs
    assert any("The teachers together" in verdict.text for verdict in run.results.verdicts)
    weights = json.loads((finished / "teach/ensemble.json").read_text())["weights"]
    warm = [run.dataset.items["item_id"][int(item)] for item in np.flatnonzero(run.dataset.warm)[:6]]
    each = {name: one.rank(warm[:2], warm) for name, one in run.teachers.items()}
    expected = sum(weights[name] * scores for name, scores in each.items())
    np.testing.assert_allclose(run.teacher.rank(warm[:2], warm), expected, rtol=1e-4, atol=1e-5)
    shares = {share.name: share.weight for share in run.results.shares}
    assert shares == weights
    ends = run.results.endings["teacher"]
    assert [end.name for end in ends] == ["text", "ids"] and all(0 <= (end.kept or 0) <= end.updates for end in ends)


def test_the_terminal_names_each_with_its_kept_update_and_what_one_without_weight_is_worth(
    finished: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(finished / "teach", tmp_path / "teach"))
    record = json.loads((folder / "ensemble.json").read_text())
    record["weights"]["ids"] = 0.0
    (folder / "ensemble.json").write_text(json.dumps(record))
    out = io.StringIO()
    print_trainings(folder, Console(file=out, width=200))
    rows = {line.split()[0]: line.split() for line in out.getvalue().splitlines()}
    history = json.loads((folder / "text/history.json").read_text())["history"]
    best = max(history, key=lambda one: one["ndcg@10"])
    assert rows["trained"][-6:] == ["nDCG@10", "updates", "kept", "seconds", "ended", "by"]
    assert rows["text"][3:5] == [str(LONG), str(best["update"])] and "ids adds nothing" in out.getvalue()


def test_the_exported_teacher_ranks_as_the_sum_does_without_torch(finished: Path) -> None:
    run, student = Run.load(finished), Student.load(finished / "export" / "student")
    ids = run.teacher.item_ids
    assert student.teacher is not None
    ours = student.teacher.rank(history=ids[:3], candidates=ids)
    np.testing.assert_allclose(ours, run.teacher.rank(ids[:3], ids), rtol=1e-3, atol=1e-4)


def test_a_sum_encodes_texts_with_those_that_read_them(finished: Path) -> None:
    run = Run.load(finished)
    text = run.dataset.texts[0]
    found = run.teacher.encode_items([text])
    assert found.shape == (1, 24) and not found[:, 16:].any()
    np.testing.assert_allclose(found[:, :16], run.teachers["text"].encode_items([text]), rtol=1e-5)


def test_one_that_changes_is_trained_anew_and_the_others_are_kept(finished: Path, recipe: Path, cli: Cli) -> None:
    before = {name: (finished / name).read_bytes() for name in WEIGHTS[:2]}
    stamp = (finished / WEIGHTS[0]).stat()
    refused = cli("run", recipe, "--out", finished, "--set", "teacher.ids.dim=12")
    assert refused.returncode == 1 and "teacher.ids.dim: 12" in refused.stderr, refused.stderr
    done = cli("teach", recipe, "--out", finished, "--set", "teacher.ids.dim=12", "--restart", "teach")
    assert done.returncode == 0, done.stderr
    assert (finished / WEIGHTS[0]).stat().st_mtime_ns == stamp.st_mtime_ns
    assert (finished / WEIGHTS[1]).read_bytes() != before[WEIGHTS[1]]
    assert (finished / "teach.old-1" / "ids" / "weights.safetensors").read_bytes() == before[WEIGHTS[1]]
    # set back, both are still there
    done = cli("teach", recipe, "--out", finished, "--restart", "teach")
    assert done.returncode == 0, done.stderr
    assert {name: (finished / name).read_bytes() for name in WEIGHTS[:2]} == before
    # nothing changed: all anew, with the same result from the same seed
    done = cli("teach", recipe, "--out", finished, "--restart", "teach")
    assert done.returncode == 0, done.stderr
    assert (finished / WEIGHTS[0]).stat().st_mtime_ns != stamp.st_mtime_ns
    assert {name: (finished / name).read_bytes() for name in WEIGHTS[:2]} == before


def test_killed_while_the_second_trains_it_ends_in_the_same_weights(
    recipe: Path, finished: Path, tmp_path: Path, cli: Cli
) -> None:
    expected = {name: (finished / name).read_bytes() for name in WEIGHTS[:2]}
    folder = tmp_path / "killed"
    process = subprocess.Popen(
        command("teach", recipe, "--out", folder),
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 240
    traces = "teach/ids/**/checkpoint-*.json"
    while not any(folder.glob(traces)) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert any(folder.glob(traces)), "killed too early or too late to test anything"
    assert not (folder / "teach/ids/member.json").exists()
    first = (folder / "teach/text/weights.safetensors").stat().st_mtime_ns
    done = cli("teach", recipe, "--out", folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "teach/text/weights.safetensors").stat().st_mtime_ns == first
    assert {name: (folder / name).read_bytes() for name in WEIGHTS[:2]} == expected


def test_trained_beside_each_other_and_killed_they_are_the_same_as_one_after_the_other(
    recipe: Path, finished: Path, tmp_path: Path, cli: Cli
) -> None:
    folder = tmp_path / "beside"
    ask = ("teach", recipe, "--out", folder)
    kill_beside(ask, folder, "teach/*/**/checkpoint-*.json", tmp_path)
    done = cli(*ask, env=TWO)
    assert done.returncode == 0, done.stderr
    for name in WEIGHTS[:2]:
        assert (folder / name).read_bytes() == (finished / name).read_bytes(), name


def test_one_whose_layers_learn_has_every_thread_to_itself(recipe: Path) -> None:
    def found(*changes: str) -> list[str]:
        section = load_recipe(recipe, changes).teacher
        assert isinstance(section, EnsembleSection)
        assert beside(section, 1) == []
        return beside(section, 2)

    assert found() == ["text", "ids"]
    assert found("teacher.text.tuning=last:1") == []  # two of which one has layers: one after the other


def test_a_teacher_that_is_the_undistilled_student_is_not_trained_twice(
    tmp_path: Path, tiny_recipe: Path, tiny_trunk: Path, cli: Cli
) -> None:
    before, _, rest = tiny_recipe.read_text().partition("[teacher]")
    student = rest.partition("[student]\n")[2].partition("[export]")[0].replace("initialised = true\n", "")
    model = student.replace('device = "cpu"\n', "").replace("[student.optimizer]", "[teacher.model.optimizer]")
    teacher = f'[teacher]\nkind = "student"\ntrunk = "{tiny_trunk}"\ndevice = "cpu"\n[teacher.model]\n{model}'
    path = tmp_path / "twin.toml"
    # what the teacher is asked about is not what students without one learn from
    path.write_text(f"{before}{teacher}[student]\n{student}[student.histories]\nswap = 0.5\n")
    alone = ["--set", "student.histories.alone=true"]
    runs = {"alike": [], "another teacher": ["--set", "teacher.seed=1"], "changed": alone}
    for name, change in runs.items():
        done = cli("distill", path, "--out", tmp_path / name, *change)
        assert done.returncode == 0, done.stderr

    def weights(place: str) -> bytes:
        return (tmp_path / place / "weights.safetensors").read_bytes()

    twin = weights("alike/distill/undistilled")
    assert twin == weights("alike/teach/trained") != weights("alike/distill/student")
    assert twin == weights("another teacher/distill/undistilled") != weights("another teacher/teach/trained")
    assert twin == weights("changed/teach/trained") != weights("changed/distill/undistilled")
    # an older release had begun to train it when it was killed
    (tmp_path / "begun" / "distill" / "undistilled").mkdir(parents=True)
    done = cli("distill", path, "--out", tmp_path / "begun")
    assert done.returncode == 0 and weights("begun/distill/undistilled") == twin, done.stderr
    done = cli("run", path, "--out", tmp_path / "planned", "--dry-run")
    assert "without distillation the teacher itself" in " ".join(done.stdout.split()), done.stdout + done.stderr
