"""An exported student is the trained one, whole, or it is not published."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from tiny import make_dataset, student_section, write_trunk

import distill_rec
from distill_rec.distillation import distill
from distill_rec.evaluation import catalogue
from distill_rec.export import export_student, gates
from distill_rec.progress import Quiet, QuietTask
from distill_rec.recipe import ExportSection, OptimizerSection
from distill_rec.runtime import ArtifactError, DataError, Student
from distill_rec.student_model import load_student

QUICK = OptimizerSection(batch_size=32, window=2, max_epochs=2)
ODD = ["", "ξψω ξψω", "red ξψω cat", "red cat " * 1250, "\U0001f600\U0001f680", "\x00\x07\x1b", "red", "  "]


@pytest.fixture(scope="module", params=["static-causal", "static-attention", "transformer-mean"])
def world(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    os.environ["DISTILL_REC_CACHE"] = str(folder / "cache")
    kind, users = request.param.split("-")
    dataset = make_dataset()
    section = student_section(kind, user_encoder=users, optimizer=QUICK)
    distill(section, None, dataset, folder / "student", trunk=str(write_trunk(folder / "trunk")))
    export_student(ExportSection(), folder / "student", dataset, folder / "export")
    return dataset, folder


def copy_of(folder, tmp_path):
    """A plain copy of the newest version."""
    return shutil.copytree((folder / "export" / "student").resolve(), tmp_path / "copy")


def test_scores_vectors_and_users_are_torchs(world):
    dataset, folder = world
    student, model = Student.load(folder / "export" / "student"), load_student(folder / "student")
    ids = dataset.items["item_id"].to_list()
    expected = model.user_vectors(dataset.test.history) @ model.item_vectors.T
    for row, history in enumerate(dataset.test.history):
        scores = student.rank([ids[item] for item in history], ids)
        assert np.abs(scores - expected[row]).max() <= 1e-4 * expected.std()


def test_odd_texts_are_read_alike_and_padding_changes_nothing(world):
    _, folder = world
    student, model = Student.load(folder / "export" / "student"), load_student(folder / "student")
    ours, theirs = student.encode_items(ODD), model.encode_texts(ODD)
    assert np.isfinite(ours).all()
    for row, text in enumerate(ODD):
        assert np.linalg.norm(ours[row] - theirs[row]) <= 1e-5 * np.linalg.norm(theirs[row])
        alone = student.encode_items([text])[0]
        assert np.linalg.norm(alone - ours[row]) <= 1e-5 * np.linalg.norm(alone)
    assert student.encode_items([]).shape == (0, 8)


def test_recommendations_leave_out_history_and_exclusions(world):
    dataset, folder = world
    student = Student.load(folder / "export" / "student")
    ids = dataset.items["item_id"].to_list()
    got = student.recommend(["i1", "i2"], k=60, exclude=["i3", "nowhere"])
    assert {item for item, _ in got} == set(ids) - {"i1", "i2", "i3"}
    scores = dict(zip(ids, student.rank(["i1", "i2"], ids), strict=True))
    assert [score for _, score in got] == sorted((score for _, score in got), reverse=True)
    assert got[0][1] == pytest.approx(max(scores[item] for item, _ in got), rel=1e-5)
    assert {item for item, _ in student.recommend([], k=2, only=["i5", "i6"])} == {"i5", "i6"}
    many = student.recommend_many([["i1"], []], k=5)
    assert [item for item, _ in many[0]] == [item for item, _ in student.recommend(["i1"], k=5)]


def test_unknown_items_are_named_or_skipped_and_counted(world):
    student = Student.load(world[1] / "export" / "student")
    with pytest.raises(DataError, match="'nowhere'"):
        student.rank(["i1"], ["i2", "nowhere"])
    known = student.rank(["i1"], ["i2"])
    np.testing.assert_allclose(student.rank(["nowhere", "i1"], ["i2"]), known, rtol=1e-5)
    assert student.skipped == 1
    with pytest.raises(DataError, match="'nowhere'"):
        student.rank(["nowhere"], ["i2"], unknown="refuse")


def test_items_can_be_added_while_others_read(world):
    student = Student.load(world[1] / "export" / "student")
    faults = []

    def read():
        try:
            for _ in range(50):
                student.recommend(["i1"], k=3)
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(20):
        student.add_items({f"new{number}": {"title": "red cat"}})
    for thread in threads:
        thread.join()
    assert not faults
    np.testing.assert_allclose(
        student.rank([], ["new0", "new19"]), student.encode_items(["red cat"] * 2) @ student.encode_user([]), rtol=1e-4
    )


@pytest.mark.parametrize("fault", ["truncated", "tampered", "missing", "version", "escape"])
def test_a_damaged_artifact_is_refused_with_the_file_named(world, tmp_path, fault):
    copy = copy_of(world[1], tmp_path)
    Student.load(copy)
    name = "items.safetensors"
    manifest = json.loads((copy / "manifest.json").read_text())
    content = (copy / name).read_bytes()
    if fault == "truncated":
        (copy / name).write_bytes(content[:-7])
    elif fault == "tampered":
        (copy / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif fault == "missing":
        (copy / name).unlink()
    elif fault == "version":
        manifest["format_version"] = 99
        name = "manifest.json"
    else:
        (tmp_path / "outside").write_bytes(content)
        (copy / name).unlink()
        (copy / name).symlink_to(tmp_path / "outside")
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match=name.replace(".", r"\.")):
        Student.load(copy)


def test_an_export_that_does_not_score_as_torch_is_not_published(world, monkeypatch):
    dataset, folder = world
    before = (folder / "export" / "student").resolve()
    monkeypatch.setitem(gates.DIFFERENCE, "fp32", 0.0)
    with pytest.raises(ArtifactError, match="from torch's"):
        export_student(ExportSection(), folder / "student", dataset, folder / "export")
    assert (folder / "export" / "student").resolve() == before
    assert [path.name for path in (folder / "export" / "versions").iterdir()] == [before.name]


def test_a_new_version_switches_a_relative_link_and_a_loaded_student_stays(world):
    dataset, folder = world
    student = Student.load(folder / "export" / "student")
    first = student.rank(["i1"], ["i2", "i3"])
    for _ in range(3):
        export_student(ExportSection(keep=2), folder / "student", dataset, folder / "export")
    link = folder / "export" / "student"
    assert not os.path.isabs(os.readlink(link))
    versions = sorted(int(path.name) for path in (folder / "export" / "versions").iterdir())
    assert len(versions) == 2 and link.resolve().name == str(versions[-1])
    np.testing.assert_array_equal(student.rank(["i1"], ["i2", "i3"]), first)


def test_a_service_loads_and_ranks_without_torch_beside_a_students_folder_of_its_own(world, tmp_path):
    (tmp_path / "students").mkdir()
    (tmp_path / "students" / "__init__.py").write_text("raise RuntimeError('the service has students of its own')")
    code = f"""
import sys
class Refuse:
    def find_spec(self, name, *rest):
        if name.split(".")[0] in ("torch", "transformers", "polars", "pydantic", "accelerate"):
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
sys.path.insert(0, "")
from distill_rec.runtime import Student
student = Student.load({str(world[1] / "export" / "student")!r})
print(len(student.recommend(["i1"], k=3)), student.encode_items(["red cat"]).shape[1])
assert not {{"torch", "transformers"}} & set(sys.modules)
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(distill_rec.__file__).parent.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["3", "8"], done.stderr


def test_the_test_which_takes_longest_is_told_history_by_history(world, tmp_path, monkeypatch):
    dataset, folder = world
    monkeypatch.setattr(catalogue, "ENCODED", 16)
    steps = {}

    class Told(Quiet):
        def task(self, description, total=None):
            task = QuietTask()
            task.advance = lambda count=1: steps.setdefault((description, total), []).append(count)
            return task

    export_student(ExportSection(), folder / "student", dataset, tmp_path / "export", progress=Told())
    (told,) = [counts for (description, _), counts in steps.items() if description.startswith("the test")]
    assert sum(told) == len(dataset.test) == next(total for name, total in steps if name.startswith("the test"))
    assert len(told) == -(-len(dataset.test) // 16)
