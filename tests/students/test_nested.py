"""A student whose first dimensions work alone: trained so, exported, cut at load, in torch and in the runtime."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from pydantic import ValidationError
from tiny import make_dataset, student_section, write_trunk

from distill_rec.artifact.layout import CARD, MANIFEST
from distill_rec.bench.child import load
from distill_rec.bench.results import Settings
from distill_rec.distillation import distill
from distill_rec.evaluation.protocol import evaluate
from distill_rec.evaluation.scorer import DotScorer
from distill_rec.export import export_student
from distill_rec.losses import catalogue_loss
from distill_rec.recipe import ExportSection, OptimizerSection
from distill_rec.runtime import ArtifactError, Student
from distill_rec.serving.settings import load_student as serving_load
from distill_rec.student_model import load_student
from distill_rec.training.batches import make_batches
from distill_rec.training.objective import Objective, Scene, same_users, sequence_targets
from teachers.item_ids.spec import ItemIdsSection
from teachers.item_ids.teach import teach

QUICK = OptimizerSection(batch_size=16, window=1, max_epochs=8, learning_rate=1e-2, warmup_updates=2)


@pytest.fixture(scope="module", params=["causal", "attention", "gru"])
def world(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("nested")
    os.environ["DISTILL_REC_CACHE"] = str(folder / "cache")
    dataset, trunk = make_dataset(), str(write_trunk(folder / "trunk"))
    teach(ItemIdsSection(dim=8, optimizer=QUICK), dataset, folder / "teach")
    knowledge = folder / "teach" / "knowledge"
    for name, nested in (("student", [2, 4]), ("whole", [])):
        section = student_section(user_encoder=request.param, user_layers=1, nested=nested, optimizer=QUICK)
        distill(section, knowledge, dataset, folder / name, trunk=trunk)
    export_student(ExportSection(precisions=["fp32", "int8"]), folder / "student", dataset, folder / "export")
    return dataset, folder


def test_the_cut_student_ranks_as_the_first_numbers_of_torchs_vectors(world):
    dataset, folder = world
    model, ids = load_student(folder / "student"), dataset.items["item_id"].to_list()
    users = model.user_vectors(dataset.test.history)
    for dim in (2, 4, 8):
        student = Student.load(folder / "export" / "student", dim=dim, verify=True)
        assert student.info.dim == dim and student.info.dims == (2, 4, 8)
        expected = users[:, :dim] @ model.item_vectors[:, :dim].T
        np.testing.assert_array_equal(student.item_vectors, model.item_vectors[:, :dim])
        for row, history in enumerate(dataset.test.history):
            clicked = [ids[item] for item in history]
            scores = student.rank(clicked, ids)
            assert np.abs(scores - expected[row]).max() <= 1e-4 * expected.std()
            np.testing.assert_allclose(student.encode_user(clicked), users[row, :dim], rtol=1e-3, atol=1e-5)
            order = [ids.index(item) for item, _ in student.recommend(clicked, 60, seen=True)]
            assert order == np.lexsort((np.arange(60), -scores)).tolist()


def test_new_items_are_cut_too(world):
    _, folder = world
    whole, student = Student.load(folder / "export" / "student"), Student.load(folder / "export" / "student", dim=4)
    texts = ["red cat", "blue dog 7"]
    np.testing.assert_array_equal(student.encode_items(texts), whole.encode_items(texts)[:, :4])
    assert student.encode_items([]).shape == (0, 4)
    for one in (whole, student):
        one.add_items({"new": texts[0], "i3": texts[1]})
        one.remove_items(["i5"])
    np.testing.assert_array_equal(student.item_vectors, whole.item_vectors[:, :4])
    # A new item in a history is read in all dimensions.
    np.testing.assert_array_equal(student.encode_user(["new", "i3"]), whole.encode_user(["new", "i3"])[:4])
    assert "i5" not in dict(student.recommend(["new"], 50))
    assert len(student.explain(["new", "i1"], "i3")) == 2


def test_a_saved_catalogue_has_all_dimensions(world, tmp_path):
    _, folder = world
    shutil.copytree(folder / "export", tmp_path / "export", symlinks=True)
    student = Student.load(tmp_path / "export" / "student", dim=2)
    student.add_items({"new": "red cat"})
    student.save_catalogue()
    assert Student.load(tmp_path / "export" / "student", verify=True).item_vectors.shape == (61, 8)
    student.export_vectors(tmp_path / "vectors.npy")
    assert np.load(tmp_path / "vectors.npy").shape == (61, 2)


def test_a_rounded_student_is_cut_as_it_is_stored(world):
    _, folder = world
    path = folder / "export" / "student"
    whole, student = (Student.load(path, precision="int8", dim=dim) for dim in (None, 4))
    np.testing.assert_array_equal(student.item_vectors, whole.item_vectors[:, :4])
    assert student._catalogue.scored.base.values.nbytes * 2 == whole._catalogue.scored.base.values.nbytes


def test_dimensions_that_do_not_work_alone_are_refused_by_name(world, tmp_path):
    dataset, folder = world
    with pytest.raises(ArtifactError, match="no 3 dimensions that work alone; expected 2 or 4 or 8"):
        Student.load(folder / "export" / "student", dim=3)
    export_student(ExportSection(), folder / "whole", dataset, tmp_path / "export")
    with pytest.raises(ArtifactError, match=r"no 4 dimensions.*expected 8.*student\.nested"):
        Student.load(tmp_path / "export" / "student", dim=4)
    assert json.loads((tmp_path / "export" / "student" / MANIFEST).read_text())["format_version"] == 3
    manifest = json.loads((folder / "export" / "student" / MANIFEST).read_text())
    assert manifest["format_version"] == 5 and manifest["dims"] == [2, 4, 8]
    copy = shutil.copytree((folder / "export" / "student").resolve(), tmp_path / "copy")
    (copy / MANIFEST).write_text(json.dumps(manifest | {"dims": [4, 2, 8]}))
    with pytest.raises(ArtifactError, match=r"dims = \[4, 2, 8\]"):
        Student.load(copy)


def test_the_card_has_the_quality_of_each(world):
    dataset, folder = world
    model, place = load_student(folder / "student"), folder / "export" / "student"
    users = model.user_vectors
    cut = DotScorer("cut", np.ascontiguousarray(model.item_vectors[:, :2]), lambda history: users(history)[:, :2])
    expected = evaluate(cut, dataset.test, dataset).values["ndcg@10"].mean()
    found = json.loads((place / MANIFEST).read_text())["metrics"]["test"]["student, 2 dimensions"]["ndcg@10"]
    assert found == pytest.approx(expected, rel=1e-3)
    assert "student, 2 dimensions" in (place / CARD).read_text()


def test_training_for_them_makes_them_better_alone(world):
    dataset, folder = world

    def loss(name):
        model = load_student(folder / name)
        scores = model.user_vectors(dataset.validation.history)[:, :2] @ model.item_vectors[:, :2].T
        target = torch.from_numpy(np.asarray(dataset.validation.target, np.int64))
        return torch.nn.functional.cross_entropy(torch.from_numpy(scores), target).item()

    assert loss("student") < loss("whole")


def test_each_width_adds_its_loss_by_its_weight():
    dataset = make_dataset()
    batches = make_batches(dataset, 16, seed=0)
    batch = batches.make(batches.epoch(0)[0])
    torch.manual_seed(0)
    mask, items = torch.from_numpy(batch.mask), torch.arange(dataset.n_items)
    vectors, own = torch.randn(60, 8, requires_grad=True), torch.randn(len(batch.target), 8, requires_grad=True)
    scene = Scene(items, vectors, torch.from_numpy(batch.history), mask, own, batch)
    users = own[same_users(scene, batch)]  # clicks of one second follow on one user vector
    scene = replace(scene, users=users)
    found = Objective([(2, 0.5), (4, 2.0)]).batch_loss(scene, items)
    target, weight = sequence_targets(scene, batch, items)
    expected = sum(
        factor * catalogue_loss(users[:, :dim], vectors[:, :dim], target, weight)
        for dim, factor in ((8, 1.0), (2, 0.5), (4, 2.0))
    )
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    ours, theirs = (torch.autograd.grad(one, (vectors, own), retain_graph=True) for one in (found, expected))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    "wrong", [{"nested": [8]}, {"nested": [4, 2]}, {"nested": [0]}, {"nested": [2], "nested_weights": [1.0, 1.0]}]
)
def test_widths_that_are_none_are_refused(wrong):
    with pytest.raises(ValidationError, match="nested"):
        student_section(dim=8, **wrong)


def test_commands_score_by_them(world, tmp_path):
    from typer.testing import CliRunner

    from distill_rec.cli.main import app

    _, folder = world
    place = str(folder / "export" / "student")
    student = Student.load(place, dim=2)
    done = CliRunner().invoke(
        app, ["rank", place, "--history", "i1,i4", "--candidates", "i7,i8", "--dim", "2", "--json"]
    )
    found = {one["id"]: one["score"] for one in json.loads(done.stdout)}
    assert found == pytest.approx(
        dict(zip(["i7", "i8"], student.rank(["i1", "i4"], ["i7", "i8"]).tolist(), strict=True))
    )
    done = CliRunner().invoke(app, ["recommend", place, "--history", "i1", "-k", "3", "--dim", "2", "--json"])
    assert [one["id"] for one in json.loads(done.stdout)] == [item for item, _ in student.recommend(["i1"], 3)]
    (tmp_path / "users.csv").write_text("user_id,history\nsomebody,i1 i4\n")
    asked = ["score", place, "--users", str(tmp_path / "users.csv"), "--out", str(tmp_path / "out"), "-k", "3"]
    assert CliRunner().invoke(app, [*asked, "--dim", "2"]).exit_code == 0
    assert pl.read_parquet(tmp_path / "out" / "part-00000.parquet")["item_id"].to_list() == [
        i for i, _ in student.recommend(["i1", "i4"], 3)
    ]
    refused = CliRunner().invoke(app, asked)
    assert refused.exit_code == 1 and "dimensions = 2, and now dimensions = None" in " ".join(refused.output.split())
    assert serving_load(folder / "export" / "student", {"dim": 2}).info.dim == 2
    assert load(Settings(place, dim=2), 1).info.dim == 2
