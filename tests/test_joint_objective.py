"""Trained together, each side has the gradient that it would have alone: the teacher of its clicks, no other."""

import copy

import numpy as np
import pytest
import torch
from tiny import make_dataset, student_section, write_trunk

from distill_rec.distillation.joint_objective import JointObjective
from distill_rec.distillation.joint_training import open_learner
from distill_rec.distillation.objective import objective_of
from distill_rec.distillation.training import StudentTraining
from distill_rec.knowledge import Knowledge
from distill_rec.progress import Quiet
from distill_rec.testing.sections import QUICK, own_cache
from distill_rec.training import Objective
from distill_rec.training.batches import make_batches
from distill_rec.training.window import TextRows, run_window, window_items
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.teach import teach

WEIGHT = 0.7
DRY = {"dropout": 0.0, "offset_dropout": 0.0, "device": "cpu", "optimizer": QUICK}


def gradients(model, objective, dataset):
    """Of one window of two batches, by name."""
    model.train()
    batches = make_batches(dataset, 16, seed=0)
    window = [batches.make(samples) for samples in batches.epoch(0)[:2]]
    items = window_items(model, window, torch.from_numpy(np.flatnonzero(dataset.warm)))
    rows = torch.unique(model.item_text[items])
    texts = TextRows(rows, rows, torch.ones(len(rows)), rows[:0])
    table = torch.zeros(len(dataset.texts), model.text_encoder.dim)
    run_window(model, objective, window, items, texts, table, None, lambda loss, number: None)
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("repeat", ["none", "recency"])
@pytest.mark.parametrize("kind", ["clicks", "impressions"])
def test_each_side_has_its_own_gradient_and_no_other(tmp_path, kind, repeat):
    dataset, trunk = make_dataset(kind), str(write_trunk(tmp_path / "trunk", dropout=0.0))
    with own_cache(tmp_path):
        section = BiEncoderSection(trunk=trunk, dim=8, repeat_term=repeat, **DRY)
        teach(section, dataset, tmp_path / "teach")
        loss = {"item_mse": 0.5, "user_mse": 0.3, "margin_mse": 0.1}
        student = student_section(dim=6, repeat_term=repeat, loss=loss, joint={}, nested=[3], **DRY)
        knowledge = Knowledge.load(tmp_path / "teach" / "knowledge")
        learner = open_learner(student, tmp_path / "teach", dataset, Quiet())
        training = StudentTraining(student, dataset, trunk, None, Quiet(), learner)
        alone, taught = copy.deepcopy(training.built.model), copy.deepcopy(learner.model)

        def joint(*arguments, **more):
            return JointObjective(*arguments, **more, teacher=learner.model, click=WEIGHT)

        cpu = torch.device("cpu")
        both, plain = (objective_of(knowledge, student, dataset, cpu, **given) for given in ({"kind": joint}, {}))
        both.load_state_dict(plain.state_dict())
        found = gradients(training.model, both, dataset)
        expected = {
            f"{part}.student.{name}" if part != "repeat_term" else f"{part}.{name}": gradient
            for (part, _, name), gradient in (
                (name.partition("."), gradient) for name, gradient in gradients(alone, plain, dataset).items()
            )
        }
        for name, gradient in gradients(taught, Objective(), dataset).items():
            part, _, rest = name.partition(".")
            expected[f"{part}.teacher.{rest}"] = WEIGHT * gradient
    assert found.keys() == expected.keys()
    largest = max(float(one.abs().max()) for one in expected.values())
    for name, gradient in expected.items():
        assert (found[name] - gradient).abs().max() <= 1e-5 * largest, name
