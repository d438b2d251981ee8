"""A training that is killed goes on and ends in the same weights, bit for bit."""

import json

import pytest
import torch
from safetensors.torch import load_file
from tiny import make_dataset, write_trunk

from distill_rec.distillation import distill
from distill_rec.evaluation.protocol import validation_metric
from distill_rec.recipe import OptimizerSection
from distill_rec.records import read_record
from distill_rec.runtime.errors import RunError, TrainingError
from distill_rec.teacher_model import Teacher
from distill_rec.training.checkpoint import CheckpointRecord
from distill_rec.training.loop import Training
from students.static.spec import StaticSection
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.teach import teach

QUICK = OptimizerSection(batch_size=16, window=2, max_epochs=4, checkpoint_seconds=0, patience=9, item_chunk=16)


class Killed(BaseException):
    """What no handler catches, as a kill is not."""


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path / "cache"))
    trunk = str(write_trunk(tmp_path / "trunk"))
    section = BiEncoderSection(trunk=trunk, dim=8, tuning="last:1", optimizer=QUICK, trunk_optimizer=QUICK)
    return make_dataset(), section, tmp_path


def kill_after(monkeypatch, windows):
    """Kill the loop in the middle of an epoch, after this many windows."""
    plain, done = Training._window, []

    def window(self):
        if len(done) == windows:
            raise Killed
        done.append(1)
        return plain(self)

    monkeypatch.setattr(Training, "_window", window)


def weights(path):
    return load_file(path / "weights.safetensors")


@pytest.mark.parametrize(
    ("windows", "tuning", "share"),
    [
        (4, "last:1", 1.0),
        (11, "last:1", 1.0),
        (19, "last:1", 1.0),
        (19, "last:1", 0.4),
        (11, "lora:1", 1.0),
        (11, "patch:1", 1.0),
    ],
)
def test_killed_teacher_resumes_to_the_same_weights(world, monkeypatch, windows, tuning, share):
    dataset, section, folder = world
    optimizer = QUICK.model_copy(update={"gradient_share": share})
    section = section.model_copy(update={"tuning": tuning, "trunk_optimizer": optimizer})
    teach(section, dataset, folder / "whole")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_after(patch, windows)
        teach(section, dataset, folder / "killed")
    torch.rand(3)  # another state of the generator than the one it was killed in
    teach(section, dataset, folder / "killed")
    one, other = weights(folder / "whole"), weights(folder / "killed")
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_killed_student_resumes_to_the_same_weights(world, monkeypatch):
    dataset, section, folder = world
    teach(section.model_copy(update={"tuning": "head"}), dataset, folder / "teach")
    ramps = {"kl": {"start": 0.0, "end": 1.0, "over": 0.5}, "temperature": {"start": 4.0, "end": 1.0}}
    drawing: dict = {"adapter": "experts", "loss": {"rrd": 0.2, "rrd_top": 2, "rrd_rest": 5}}
    student = StaticSection(dim=8, table_dim=8, optimizer=QUICK, schedule=ramps, **drawing)
    knowledge = folder / "teach" / "knowledge"
    distill(student, knowledge, dataset, folder / "whole", trunk=section.trunk)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_after(patch, 5)
        distill(student, knowledge, dataset, folder / "killed", trunk=section.trunk)
    distill(student, knowledge, dataset, folder / "killed", trunk=section.trunk)
    one, other = weights(folder / "whole"), weights(folder / "killed")
    assert all(torch.equal(one[name], other[name]) for name in one)
    history = json.loads((folder / "killed" / "history.json").read_text())["history"]
    begun = [max(0, record["update"] - 2) / history[-1]["update"] for record in history]  # of each one's last window
    assert [record["loss.kl"] for record in history] == pytest.approx([min(2 * one, 1.0) for one in begun])
    assert [record["loss.temperature"] for record in history] == pytest.approx([4 - 3 * one for one in begun])


def test_a_checkpoint_is_a_record_which_older_ones_are_too(world, monkeypatch):
    dataset, section, folder = world
    student = StaticSection(dim=8, table_dim=8, optimizer=QUICK)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_after(patch, 2)
        distill(student, None, dataset, folder / "student", trunk=section.trunk)
    (path,) = (folder / "student").glob("checkpoint-*.json")
    content = json.loads(path.read_text())
    assert content["format_version"] == 1 and content["update"] == 4
    older = {key: value for key, value in content.items() if key not in ("format_version", "rates")}
    path.write_text(json.dumps(older))
    assert read_record(CheckpointRecord, path).state().rates == []
    path.write_text(json.dumps(older | {"update": "many"}))
    with pytest.raises(RunError, match="key update: 'many'"):
        distill(student, None, dataset, folder / "student", trunk=section.trunk)


def test_a_checkpoint_of_other_settings_is_refused(world, monkeypatch):
    dataset, section, folder = world
    student = StaticSection(dim=8, table_dim=8, optimizer=QUICK)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_after(patch, 2)
        distill(student, None, dataset, folder / "student", trunk=section.trunk)
    other = student.model_copy(update={"dropout": 0.1})
    with pytest.raises(TrainingError, match="other settings"):
        distill(other, None, dataset, folder / "student", trunk=section.trunk)


def test_a_loss_that_is_not_finite_stops_at_that_step_and_leaves_the_checkpoint(world, monkeypatch):
    dataset, section, folder = world
    student = StaticSection(dim=8, table_dim=8, optimizer=QUICK)
    plain, calls = Training._window, []

    def poisoned(self):
        calls.append(1)
        if len(calls) == 4:
            with torch.no_grad():
                self.model.user_encoder.log_scale.fill_(float("nan"))
        return plain(self)

    with monkeypatch.context() as patch, pytest.raises(TrainingError) as caught:
        patch.setattr(Training, "_window", poisoned)
        distill(student, None, dataset, folder / "student", trunk=section.trunk)
    for part in ("step 6", "batch 0 of epoch 1", "learning rate"):
        assert part in str(caught.value), str(caught.value)
    distill(student, None, dataset, folder / "student", trunk=section.trunk)
    assert all(
        torch.isfinite(value).all() for value in weights(folder / "student").values() if value.is_floating_point()
    )


def test_it_learns_what_can_be_learnt(world):
    dataset, section, folder = world
    longer = QUICK.model_copy(update={"max_epochs": 30, "learning_rate": 1e-2})
    teach(section.model_copy(update={"tuning": "head", "optimizer": longer}), dataset, folder / "teach")
    scorer = Teacher.load(folder / "teach").scorer()
    # Users stay with a third of the items: chance within it is about a quarter.
    assert validation_metric(scorer, dataset.test, dataset) > 0.15


def test_a_run_that_the_clock_stops_says_that_it_will_not_reproduce(world):
    from distill_rec.files import read_json

    dataset, section, folder = world
    clock = QUICK.model_copy(update={"max_seconds": 1e-6})
    distill(StaticSection(dim=8, table_dim=8, optimizer=clock), None, dataset, folder / "s", trunk=section.trunk)
    history = read_json(folder / "s" / "history.json")
    assert history["stopped"] == "max_seconds" and history["reproducible"] is False
