"""The catalogue's order is held from stage to stage (behaviour 25)."""

import json
import shutil
from dataclasses import replace

import polars as pl
import pytest

from distill_rec.artifact.item_ids import digest_of_ids
from distill_rec.data import Dataset
from distill_rec.distillation import distill
from distill_rec.export import export_student
from distill_rec.handover import marks_of, require_same
from distill_rec.pipeline.evaluate import costs_of, scorers_of
from distill_rec.pipeline.folder import RunFolder
from distill_rec.progress import Quiet
from distill_rec.runs import Run
from distill_rec.runtime import Student
from distill_rec.runtime.errors import ArtifactError, RunError
from distill_rec.teacher_model import Teacher


@pytest.fixture(scope="module")
def run(tiny_run):
    return Run(tiny_run)


@pytest.fixture(scope="module")
def turned(run):
    """The same clicks with two items in each other's place."""
    ids = run.dataset.items["item_id"].to_list()
    ids[0], ids[1] = ids[1], ids[0]
    return replace(run.dataset, items=run.dataset.items.with_columns(pl.Series("item_id", ids)))


def test_a_digest_is_of_the_ids_and_of_their_order():
    assert digest_of_ids(["a", "b"]) != digest_of_ids(["b", "a"])
    assert digest_of_ids(["a,b"]) != digest_of_ids(["a", "b"])
    assert len(digest_of_ids([])) == 32


def test_all_that_a_run_hands_over_carries_one_digest(run):
    wanted = marks_of(run.dataset)
    records = [json.loads((run.path / name).read_text()) for name in (
        "prepare/manifest.json", "teach/knowledge/manifest.json", "distill/student/model.json",
        "distill/undistilled/model.json")]  # fmt: skip
    assert {record["item_ids"] for record in records} == {wanted["item_ids"]}
    assert run.student.info.digest
    manifest = json.loads((run.path / "export" / "student" / "manifest.json").read_text())
    assert manifest["fingerprints"]["items"] == wanted["item_ids"]


def test_every_stage_refuses_another_order_and_names_both(run, turned, tmp_path):
    both = f"{run.dataset.item_ids_digest}.*{turned.item_ids_digest}"
    teacher, student = run.path / "teach", run.path / "distill" / "student"
    section = run.recipe.student
    with pytest.raises(RunError, match=f"knowledge has item ids in order {both}"):
        distill(section, teacher / "knowledge", turned, tmp_path / "student", trunk=run.recipe.teacher.trunk)
    with pytest.raises(RunError, match=f"the student has item ids in order {both}"):
        export_student(run.recipe.export, student, turned, tmp_path / "export")
    with pytest.raises(RunError, match=f"'undistilled' has item ids in order {both}"):
        scorers_of(RunFolder(run.path), run.recipe.model_copy(update={"teacher": None}), turned, Quiet())
    with pytest.raises(RunError, match=f"the exported student has item ids in order {both}"):
        costs_of(RunFolder(run.path), turned, Quiet())
    assert list(tmp_path.iterdir()) == []


def test_knowledge_of_other_clicks_is_refused_and_an_older_release_wrote_no_digest(run, turned, tmp_path):
    other = replace(run.dataset, fingerprint="0123")
    with pytest.raises(RunError, match=f"the teacher has data {run.dataset.fingerprint}; expected 0123"):
        require_same(tmp_path, "the teacher", run.teacher.knowledge.marks, other)
    require_same(tmp_path, "the teacher", {}, turned)
    require_same(tmp_path, "the teacher", {"data": run.dataset.fingerprint}, turned)


@pytest.mark.parametrize(("part", "file"), [("prepare", "items.parquet"), ("teach", "knowledge/item_ids.json")])
def test_a_catalogue_in_another_order_than_its_own_record_is_refused(run, turned, tmp_path, part, file):
    shutil.copytree(run.path / part, tmp_path / part)
    if part == "prepare":
        turned.items.write_parquet(tmp_path / part / file)
    else:
        (tmp_path / part / file).write_text(json.dumps(turned.items["item_id"].to_list()))
    both = f"item ids in order {turned.item_ids_digest}; expected {run.dataset.item_ids_digest}"
    with pytest.raises(RunError, match=both):
        Dataset.load(tmp_path / part) if part == "prepare" else Teacher.load(tmp_path / part)


def test_an_artifact_whose_ids_are_not_those_it_was_exported_with_is_refused(run, turned, tmp_path):
    folder = tmp_path / "student"
    shutil.copytree(run.path / "export" / "student", folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["fingerprints"]["items"] = turned.item_ids_digest
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match="does not fit: item ids in order"):
        Student.load(folder)


def test_a_service_that_saves_another_catalogue_writes_its_digest(run, tmp_path):
    student = Student.load(run.path / "export" / "student")
    student.add_items({"new": {"title": "red cat"}})
    saved = Student.load(student.save_catalogue(tmp_path / "export"))
    manifest = json.loads((tmp_path / "export" / "student" / "manifest.json").read_text())
    assert manifest["fingerprints"]["items"] == digest_of_ids(saved.item_ids)
