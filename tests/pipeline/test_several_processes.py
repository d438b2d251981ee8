"""Processes that accelerate launches train what one process trains, and none is left waiting for one that died."""

import json
import shutil
import subprocess
import sys
import time

import psutil
import pytest
import torch
from conftest import environment
from safetensors.torch import load_file
from tiny import write_trunk

from distill_rec import processes, ranks
from distill_rec.pipeline.folder import StageRecord
from distill_rec.records import read_record
from distill_rec.runtime.errors import TrainingError
from distill_rec.training.outcome import Outcome

OPTIMIZER = (
    "batch_size = 15, window = 4, item_chunk = 8, warmup_updates = 2, validate_every = 8, checkpoint_seconds = 0"
)
LAUNCH = ("accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--main_process_port", "0")
"""Which begins processes on a CPU too, where `--cpu` begins one."""
NEAR = 1e-3
"""Of a tensor's largest number: sums of other order, through Adam, which divides by a gradient's own size."""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory, tiny_data):
    folder = tmp_path_factory.mktemp("ranks")
    trunk = write_trunk(folder / "trunk")
    config = json.loads((trunk / "config.json").read_text())
    undropped = {key: 0.0 for key in config if key.endswith("dropout_prob")}
    (trunk / "config.json").write_text(json.dumps(config | undropped))
    quiet = 'dropout = 0.0\noffset_dropout = 0.0\ndevice = "cpu"'
    path = folder / "recipe.toml"
    path.write_text(
        f"""name = "ranks"
[data]
format = "recbole"
path = "{tiny_data}"
rating_column = "rating"
text = "{{title}}"
max_history = 10
[teacher]
trunk = "{trunk}"
tuning = "last:1"
dim = 8
{quiet}
optimizer = {{ {OPTIMIZER}, max_updates = 16 }}
trunk_optimizer = {{ {OPTIMIZER}, max_updates = 8, sampled_items = 10, gradient_share = 0.5 }}
[student]
dim = 8
table_dim = 8
hidden = 8
undistilled = false
{quiet}
optimizer = {{ {OPTIMIZER}, max_updates = 16 }}
""",
        "utf-8",
    )
    return path


def launched(stage, recipe, folder, *settings):
    return [sys.executable, "-m", *LAUNCH, "-m", "distill_rec", stage, str(recipe), "--out", str(folder), *settings]


@pytest.fixture(scope="module")
def one(recipe, cli, tmp_path_factory):
    """The run of one process."""
    folder = tmp_path_factory.mktemp("one") / "run"
    done = cli("distill", recipe, "--out", folder)
    assert done.returncode == 0, done.stderr
    return folder


def without_keys(bias):
    """Biases of queries and values: one of keys shifts all of a query's logits, so that its gradient is rounding."""
    queries, _, values = bias.chunk(3)
    return torch.cat([queries, values])


def assert_near(one, other, trainings=3):
    """Every tensor of a teacher's trainings and of the student's."""
    paths = sorted(path.relative_to(one) for path in one.glob("**/best.safetensors"))
    assert len(paths) == trainings  # the head alone, the tuned trunk, the student
    for path in paths:
        whole, parts = load_file(one / path), load_file(other / path)
        assert whole.keys() == parts.keys()
        for name, tensor in whole.items():
            if name.endswith("key.bias"):
                continue
            if name.endswith("qkv.bias"):
                tensor, parts[name] = (without_keys(one) for one in (tensor, parts[name]))
            near = NEAR * float(tensor.abs().max())
            torch.testing.assert_close(parts[name], tensor, rtol=0, atol=near, msg=f"{path}: {name}")
        told = [read_record(Outcome, (folder / path).with_name("history.json")).history for folder in (one, other)]
        for first, second in zip(*told, strict=True):
            assert second["loss"] == pytest.approx(first["loss"], rel=1e-5)


def test_two_processes_train_what_one_does(recipe, one, tmp_path):
    done = subprocess.run(
        launched("distill", recipe, tmp_path / "run"), env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert_near(one, tmp_path / "run")
    assert done.stdout.count("peak memory") == 1  # one of them tells


def test_two_processes_train_student_and_teacher_together_as_one_does(recipe, one, cli, tmp_path):
    joint = [
        "--restart",
        "distill",
        "--set",
        "student.joint.teacher_click=0.5",
        "--set",
        "student.optimizer.max_updates=8",
    ]
    for name in ("one", "two"):
        shutil.copytree(one, tmp_path / name, symlinks=True)
    done = cli("distill", recipe, "--out", tmp_path / "one", *joint)
    assert done.returncode == 0, done.stderr
    command = launched("distill", recipe, tmp_path / "two", *joint)
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    trained = load_file(tmp_path / "one" / "distill" / "student" / "best.safetensors")
    assert any(".teacher.tuned." in name for name in trained)
    assert_near(tmp_path / "one", tmp_path / "two", 4)  # and the student that was there before


PROGRAM = """
import sys
from pathlib import Path

import torch

from distill_rec.progress import Quiet
from distill_rec.ranks import ALONE, launched
from distill_rec.recipe import OptimizerSection
from distill_rec.testing.worlds import make_dataset
from teachers.item_ids.spec import ItemIdsSection
from teachers.item_ids.teach import _training

ranks, folder = launched(), Path(sys.argv[1])
ranks.led = True
optimizer = OptimizerSection(batch_size=7, window=3, max_updates=18, validate_every=6, warmup_updates=2)
section = ItemIdsSection(dim=8, dropout=0.0, device="cpu", repeat_term="one", optimizer=optimizer)
found = []
for name, by in ((f"alone-{ranks.rank}", ALONE), ("together", ranks)):
    training = _training(section, make_dataset("impressions"), optimizer, folder / name, Quiet(), by)
    found.append((training.run(), [p.detach().clone() for p in training.model.parameters()]))
if ranks.first:  # which has the best weights
    for one, other in zip(found[0][1], found[1][1], strict=True):
        torch.testing.assert_close(other, one, rtol=0, atol=1e-3 * float(one.abs().max()))
assert [one["loss"] for one in found[1][0].history][-1] > 0 and found[1][0].updates == 18
"""


def test_two_processes_train_on_impressions_what_one_does(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, "utf-8")
    command = [sys.executable, "-m", *LAUNCH, str(program), str(tmp_path)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("*/best.safetensors"))) == 3


def test_the_others_of_a_killed_process_end_and_the_run_goes_on_in_one(recipe, cli, tmp_path):
    long = ["teacher.tuning=head", "teacher.optimizer.max_updates=400", "teacher.optimizer.validate_every=200"]
    settings = [part for change in long for part in ("--set", change)]
    process = subprocess.Popen(
        launched("teach", recipe, tmp_path / "run", *settings), env=environment(), stderr=subprocess.PIPE, text=True
    )
    while not list(tmp_path.glob("run/teach/**/checkpoint-*.json")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    second = [one for one in psutil.Process(process.pid).children(recursive=True) if one.environ().get("RANK") == "1"]
    second[0].kill()
    _, told = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "error: process 1 of 2: another process has ended" in told or "SIGTERM" in told or "exitcode: -9" in told
    done = cli("teach", recipe, "--out", tmp_path / "run", *settings)
    assert done.returncode == 0, done.stderr
    assert read_record(StageRecord, tmp_path / "run" / "teach" / "stage.json").resumed
    assert read_record(Outcome, tmp_path / "run" / "teach" / "history.json").updates == 400


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [("ACCELERATE_USE_FSDP", "true", "FSDP"), ("ACCELERATE_MIXED_PRECISION", "bf16", "mixed_precision bf16")],
)
def test_what_is_not_offered_is_refused(monkeypatch, variable, value, named):
    ranks.launched.cache_clear()
    monkeypatch.setenv(variable, value)
    with pytest.raises(TrainingError, match=f"{named}, which is not offered"):
        ranks.launched()


def test_processes_that_a_launched_one_starts_are_none_of_them(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert not ranks.runs_command()
    assert not {"WORLD_SIZE", "RANK"} & set(processes.environment())
