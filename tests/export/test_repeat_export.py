"""A student with a repeat term through distillation, export, golden inputs and a service's requests."""

import json
import os
import shutil

import numpy as np
import pytest
from repeat_worlds import repeating
from tiny import student_section, write_trunk

from distill_rec.artifact.layout import MANIFEST
from distill_rec.data.ragged import Ragged
from distill_rec.distillation import distill
from distill_rec.evaluation.protocol import evaluate
from distill_rec.export import export_student
from distill_rec.export.measure import Yardstick
from distill_rec.knowledge import Knowledge
from distill_rec.recipe import ExportSection, OptimizerSection
from distill_rec.runtime import ArtifactError, Student
from distill_rec.student_model import load_student
from distill_rec.teacher_model import Teacher
from teachers.item_ids.spec import ItemIdsSection
from teachers.item_ids.teach import teach

QUICK = OptimizerSection(batch_size=32, window=1, max_epochs=4, learning_rate=5e-3, warmup_updates=2)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("repeats")
    os.environ["DISTILL_REC_CACHE"] = str(folder / "cache")
    dataset = repeating()
    shape = {"dim": 8, "user_encoder": "mean", "repeat_term": "recency", "optimizer": QUICK}
    teach(ItemIdsSection(**shape), dataset, folder / "teach")
    trunk = str(write_trunk(folder / "trunk"))
    # From the teacher it would keep its start, and the teacher's term with it.
    learns = student_section(**shape, start="none")
    distill(learns, folder / "teach" / "knowledge", dataset, folder / "student", trunk=trunk)
    teacher = Teacher.load(folder / "teach")
    export_student(ExportSection(teacher=True), folder / "student", dataset, folder / "export", teacher=teacher)
    return dataset, folder


def test_the_exported_scores_are_torchs_with_items_of_the_history_among_them(world):
    dataset, folder = world
    student, model = Student.load(folder / "export" / "student", verify=True), load_student(folder / "student")
    ids = dataset.items["item_id"].to_list()
    np.testing.assert_array_equal(student.repeat, model.repeat)
    assert np.abs(model.repeat).max() > 0.5
    vectors, users = model.item_vectors, model.user_vectors(dataset.test.history)
    for row, history in enumerate(dataset.test.history):
        expected = vectors @ users[row]
        for item in set(history.tolist()):
            age = history[::-1].tolist().index(item)
            expected[item] += model.repeat[min(age, 2) if age < 3 else 3 + (age > 4)]
        scores = student.rank([ids[item] for item in history], ids)
        assert np.abs(scores - expected).max() <= 1e-4 * expected.std()
        # The evaluation ranks as a service does that asks for seen items.
        order = [ids.index(item) for item, _ in student.recommend([ids[item] for item in history], 60, seen=True)]
        assert order == np.lexsort((np.arange(60), -scores)).tolist()
    found = evaluate(model.scorer("student"), dataset.test, dataset, leave_out_seen=False).values["mrr"]
    target, tied = dataset.test.target[0], scores_of(student, ids, dataset.test.history[0])
    assert found[0] == pytest.approx(1 / (1 + (tied > tied[target]).sum()))


def scores_of(student, ids, history):
    return student.rank([ids[item] for item in history], ids)


def test_golden_inputs_ask_for_items_of_the_history_and_find_other_numbers(world, tmp_path):
    _, folder = world
    version = (folder / "export" / "student").resolve()
    golden = json.loads((version / "golden.json").read_text())
    assert all(set(one["history"]) <= set(one["candidates"]) for one in golden["requests"])
    values = json.loads((version / MANIFEST).read_text())
    assert values["format_version"] == 4
    copy = shutil.copytree(version, tmp_path / "copy")
    (copy / MANIFEST).write_text(json.dumps(values | {"repeat": [one + 1 for one in values["repeat"]]}))
    with pytest.raises(ArtifactError, match="scores in fp32 differ"):
        Student.load(copy, verify=True)


def test_an_export_whose_term_is_another_is_not_published(world, tmp_path, monkeypatch):
    dataset, folder = world
    plain = Student.repeats
    monkeypatch.setattr(Student, "repeats", lambda self, history: {k: v + 0.5 for k, v in plain(self, history).items()})
    with pytest.raises(ArtifactError, match="difference of scores from torch's"):
        export_student(ExportSection(), folder / "student", dataset, tmp_path / "export")


def test_teacher_student_and_the_teacher_in_the_artifact_have_terms_of_their_own(world):
    dataset, folder = world
    teacher, student = Teacher.load(folder / "teach"), Student.load(folder / "export" / "student")
    knowledge = Knowledge.load(folder / "teach" / "knowledge")
    assert not np.allclose(knowledge.repeat, student.repeat)
    ids = dataset.items["item_id"].to_list()
    for history in dataset.test.history.take(np.arange(5)):
        clicked = [ids[item] for item in history]
        scores = teacher.rank(clicked, ids)
        np.testing.assert_allclose(student.teacher.rank(clicked, ids), scores, rtol=1e-3, atol=1e-3)
        best = teacher.recommend(clicked, 3, seen=True)
        assert [one for one, _ in best] == [ids[item] for item in np.argsort(-scores, kind="stable")[:3]]
        assert not {one for one, _ in teacher.recommend(clicked, 60)} & set(clicked)
    long = [ids[item] for item in np.tile(dataset.test.history[0], 3)]
    numbers = teacher.rank(long, ids) - np.asarray(knowledge.item_vectors) @ teacher.encode_user(long)
    read = Ragged.from_rows([[ids.index(item) for item in long][-dataset.max_history :]])
    assert set(np.flatnonzero(np.abs(numbers) > 1e-4)) <= set(read.values)


def test_gates_ask_teacher_and_student_in_one_way(world):
    dataset, folder = world
    model, teacher = load_student(folder / "student"), Teacher.load(folder / "teach").scorer()
    yardstick = Yardstick.of(model, dataset, teacher)
    assert not yardstick.leave_out_seen
    expected = evaluate(teacher, dataset.validation, dataset, leave_out_seen=False).values["ndcg@10"].mean()
    assert yardstick.teacher_ndcg == pytest.approx(expected)
