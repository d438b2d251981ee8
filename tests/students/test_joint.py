"""A teacher that goes on learning while it teaches."""

import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny import make_dataset, student_section, write_trunk

from distill_rec.distillation import distill
from distill_rec.distillation.training import UNTRAINED
from distill_rec.doctor.run import run as examine_run
from distill_rec.evaluation.results import Results
from distill_rec.knowledge import Knowledge
from distill_rec.recipe_check import check
from distill_rec.records import read_record
from distill_rec.runtime.errors import RecipeError
from distill_rec.sections.base import decisive
from distill_rec.student_model import load_student
from distill_rec.teacher_model import Teacher
from distill_rec.testing.kills import Counted, KilledError, places
from distill_rec.testing.sections import QUICK, own_cache
from distill_rec.training.outcome import Outcome
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.teach import teach


@pytest.fixture(scope="module", params=["clicks", "impressions"])
def world(tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("joint")
    dataset, trunk = make_dataset(request.param), str(write_trunk(folder / "trunk"))
    with own_cache(folder):
        teach(BiEncoderSection(trunk=trunk, dim=8, device="cpu", optimizer=QUICK), dataset, folder / "teach")
        yield dataset, trunk, folder


def train(world, name, kind="static", progress=None, tuning="last:1", **settings):
    dataset, trunk, folder = world
    joint = {"tuning": tuning, "teacher_click": settings.pop("teacher_click", 1.0)}
    section = student_section(kind, **{"device": "cpu", "optimizer": QUICK, "joint": joint, **settings})
    distill(section, folder / "teach" / "knowledge", dataset, folder / name, trunk=trunk, progress=progress)
    return folder / name


@pytest.mark.parametrize(("kind", "dim"), [("static", 8), ("static", 6), ("transformer", 8)])
def test_both_learn_and_both_are_written(world, kind, dim):
    place = train(world, f"{kind}-{dim}", kind, dim=dim)
    moved = read_record(Outcome, place / "history.json").moved_last
    assert min(moved["teacher's trunk layer 1"], moved["teacher's user encoder"], moved["teacher's offsets"]) > 0
    assert min(moved["user encoder"], moved["offsets"]) > 0
    kept, teacher = load_file(place / "best.safetensors"), load_file(place / "teacher" / "weights.safetensors")
    of_teacher = {name: value for name, value in kept.items() if ".teacher." in name}
    assert any(".tuned." in name for name in of_teacher)
    for name, value in of_teacher.items():
        assert torch.equal(value, teacher[name.removeprefix("0.").replace(".teacher.", ".")]), name
    assert load_student(place).config["dim"] == dim


def test_the_teacher_that_is_written_encodes_what_its_knowledge_holds(world):
    dataset, _, _ = world
    place = train(world, "written")
    teacher = Teacher.load(place / "teacher")
    known = Knowledge.load(place / "teacher" / "knowledge").text_vectors
    assert np.allclose(teacher.encode_items(dataset.texts), known, atol=1e-2 * np.abs(known).max())


def test_killed_anywhere_both_end_as_they_would_have(world):
    counted = Counted()
    whole = train(world, "whole", progress=counted)
    for place in places(counted.told):
        with pytest.raises(KilledError):
            train(world, f"killed-{place}", progress=Counted(place))
        torch.rand(3)
        other = train(world, f"killed-{place}")
        for name in ("weights.safetensors", "teacher/weights.safetensors"):
            one, two = load_file(whole / name), load_file(other / name)
            assert one.keys() == two.keys()
            assert all(torch.equal(one[key], two[key]) for key in one), name


def test_a_student_without_it_is_fingerprinted_as_before():
    assert "joint" not in decisive(student_section(), UNTRAINED)


def test_a_run_shows_what_became_of_the_teacher(tiny_recipe, tiny_run, tmp_path, cli):
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run, symlinks=True)
    settings = ("student.joint.tuning=last:1", "student.optimizer.max_updates=10", "student.undistilled=false")
    changes = [part for one in settings for part in ("--set", one)]
    done = cli("run", tiny_recipe, "--out", run, "--restart", "distill", *changes)
    assert done.returncode == 0, done.stderr
    assert {"teacher", "joint-teacher", "student"} <= set(Results.read(run / "evaluate").models)
    assert not [one for one in examine_run(run) if one.level == "problem"]


@pytest.mark.parametrize(
    ("recipe", "found"),
    [
        ({"student": {"trunk": "x", "joint": {}}}, "section student.joint.*no teacher"),
        ({"teacher": {"kind": "item_ids"}, "student": {"trunk": "x", "joint": {}}}, "'item_ids', which hands over"),
        ({"teacher": {}, "student": {"joint": {"tuning": "middle"}}}, "middle"),
        ({"teacher": {}, "student": {"joint": {"tuning": "last"}}}, r"student\.joint\.tuning.*number of layers"),
    ],
)
def test_what_cannot_learn_together_is_refused_before_anything_runs(recipe, found):
    with pytest.raises(RecipeError, match=found):
        check(recipe)


def test_what_cannot_learn_together_is_refused(world):
    with pytest.raises(RecipeError, match="kind 'sequential', whose items are a table"):
        train(world, "table", kind="sequential")
    with pytest.raises(RecipeError, match=r"student\.optimizer\.trunk_layer_decay"):
        train(world, "decayed", optimizer=QUICK | {"trunk_layer_decay": 0.9})
    with pytest.raises(RecipeError, match=r"student\.histories\.clicks"):
        train(world, "silent", histories={"swap": 0.5, "clicks": False})
    dataset, trunk, folder = world
    tuned = BiEncoderSection(trunk=trunk, dim=8, device="cpu", tuning="last:1", optimizer=QUICK, trunk_optimizer=QUICK)
    teach(tuned, dataset, folder / "tuned" / "teach")
    with pytest.raises(RecipeError, match=r"student\.joint\.tuning.*'lora:1', and the teacher was tuned by 'last:1'"):
        train((dataset, trunk, folder / "tuned"), "other", tuning="lora:1")
