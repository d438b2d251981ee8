"""A teacher of item ids knows clicked items alone, and a student is taught what it knows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny import make_dataset, student_section, write_trunk

from distill_rec.distillation import distill
from distill_rec.distillation.objective import DistillationObjective
from distill_rec.files import read_json
from distill_rec.knowledge import Knowledge
from distill_rec.nn.from_recipe import training_texts
from distill_rec.recipe import LossSection, OptimizerSection
from distill_rec.runtime.errors import ModelError
from distill_rec.student_model import load_student
from distill_rec.teacher_model import Teacher
from teachers.item_ids.spec import ItemIdsSection
from teachers.item_ids.teach import teach

QUICK = OptimizerSection(batch_size=32, window=2, max_epochs=3, learning_rate=1e-2)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ids")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISTILL_REC_CACHE", str(folder / "cache"))
        dataset = make_dataset()
        teach(ItemIdsSection(dim=8, device="cpu", optimizer=QUICK), dataset, folder / "teach")
        section = student_section(optimizer=QUICK, device="cpu")
        trunk = str(write_trunk(folder / "trunk"))
        distill(section, folder / "teach" / "knowledge", dataset, folder / "student", trunk=trunk)
    return dataset, folder


def test_it_learns_ranks_and_has_vectors_of_clicked_items_alone(world):
    dataset, folder = world
    history = read_json(folder / "teach" / "history.json")["history"]
    assert history[-1]["ndcg@10"] > history[0]["ndcg@10"]
    teacher = Teacher.load(folder / "teach")
    vectors = np.asarray(teacher.knowledge.item_vectors)
    assert (np.abs(vectors).sum(1) > 0).tolist() == dataset.warm.tolist()
    assert len(teacher.recommend(["i1", "i4"], 3)) == 3
    with pytest.raises(ModelError, match="'item_ids' cannot encode texts"):
        teacher.encode_items(["red cat"])


def test_item_losses_are_over_texts_of_items_that_it_knows(world):
    dataset, folder = world
    knowledge = Knowledge.load(folder / "teach" / "knowledge")
    known = np.isin(np.arange(len(dataset.texts)), dataset.item_text[dataset.warm])
    assert knowledge.knows_texts is not None and (knowledge.knows_texts == known).all() and not known.all()
    device = torch.device("cpu")
    objective = DistillationObjective(knowledge, LossSection(), 8, training_texts(dataset), device)
    student = torch.randn(len(dataset.texts), 8, requires_grad=True)
    loss = objective.text_loss(torch.arange(len(dataset.texts)), student)
    assert loss is not None
    loss.backward()
    assert student.grad is not None and (student.grad.abs().sum(1) > 0).numpy().tolist() == known.tolist()
    unknown = torch.from_numpy(np.flatnonzero(~known))
    assert objective.text_loss(unknown, student[unknown]) is None
    extra = objective.extra_texts(torch.Generator())
    assert extra is not None and known[extra.numpy()].all()


def test_its_student_reads_texts_that_the_teacher_does_not(world):
    dataset, folder = world
    student = load_student(folder / "student")
    history = read_json(folder / "student" / "history.json")["history"]
    assert history[-1]["ndcg@10"] > 0 and np.isfinite(history[-1]["loss"])
    assert (np.abs(student.item_vectors[~dataset.warm]).sum(1) > 0).all()
