"""Losses and gradients of a batch's parts add up to the batch's, whatever its means are over."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny import make_dataset, student_section, write_trunk

from distill_rec.contracts import student_spec
from distill_rec.data.dataset import Dataset
from distill_rec.distillation.objective import DistillationObjective
from distill_rec.knowledge import Knowledge
from distill_rec.losses.checks import refuse_parts
from distill_rec.nn.from_recipe import training_texts
from distill_rec.progress import Quiet
from distill_rec.ranks import Ranks
from distill_rec.runtime.errors import RecipeError
from distill_rec.sections.student import TaughtHistoriesSection
from distill_rec.training import Objective
from distill_rec.training.batches import make_batches
from distill_rec.training.histories import Histories
from distill_rec.training.objective import make_scene
from distill_rec.training.parts import part_of
from teachers.item_ids.spec import ItemIdsSection
from teachers.item_ids.teach import teach

QUICK = {"batch_size": 16, "max_updates": 4, "window": 2}


@pytest.fixture(scope="module", params=["clicks", "impressions"])
def world(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("parts")
    trunk = str(write_trunk(folder / "trunk"))
    dataset = make_dataset(request.param)
    teach(ItemIdsSection(dim=8, device="cpu", optimizer=QUICK), dataset, folder / "teach")
    section = student_section("static", dropout=0.0, offset_dropout=0.0, device="cpu")
    model = student_spec("static").build.get()(section, trunk, dataset, None, Quiet()).model
    return dataset, section, model.eval(), Knowledge.load(folder / "teach" / "knowledge")


def batch_of(dataset: Dataset):
    batches = make_batches(dataset, 13, 0)  # an odd number of rows, so that parts are of two sizes
    return batches.make(max(batches.epoch(0), key=len))


def value_and_gradients(dataset, model, objective, batch):
    model.zero_grad()
    items = torch.from_numpy(np.flatnonzero(dataset.warm))
    place = torch.full((dataset.n_items,), -1).index_copy(0, items, torch.arange(len(items)))
    vectors = torch.linspace(-1, 1, len(items) * model.text_encoder.dim).sin().reshape(len(items), -1).requires_grad_()
    loss = objective.batch_loss(make_scene(model, items, place, vectors, batch), place)
    loss.backward()
    users = [p.grad.flatten() for p in model.user_encoder.parameters() if p.grad is not None]
    return torch.cat([loss.detach().flatten(), vectors.grad.flatten(), *users])


@pytest.mark.parametrize("changed", ["none", "some", "some, and their clicks do not count"])
@pytest.mark.parametrize("taught", [False, True])
@pytest.mark.parametrize("count", [2, 3])
def test_parts_add_up_to_the_batch(world, count, taught, changed):
    dataset, section, model, knowledge = world
    batch, objective = batch_of(dataset), Objective()
    if hasattr(batch, "weight"):
        batch = replace(batch, weight=np.linspace(0.1, 2.0, len(batch.weight), dtype=np.float32))
    histories = TaughtHistoriesSection(share=0.5, swap=0.5, clicks=changed == "some")
    asked = None if changed == "none" else Histories(histories, dataset, 0)
    if taught:
        settings = section.loss.model_copy(update={"margin_mse": 0.3})
        objective = DistillationObjective(
            knowledge, settings, section.dim, training_texts(dataset), torch.device("cpu"), asked
        )
    batch = batch if asked is None else asked.change(batch, 0, 0)
    whole = value_and_gradients(dataset, model, objective, batch)
    parts = [part_of(batch, Ranks(rank, count)) for rank in range(count)]
    assert len({len(part.history) for part in parts}) == 2
    added = sum(value_and_gradients(dataset, model, objective, part) for part in parts)
    torch.testing.assert_close(added, whole, atol=1e-5, rtol=1e-4)


def test_a_loss_that_does_not_add_up_is_refused():
    loss = student_section("static").loss
    for kind in ("clicks", "impressions"):
        refuse_parts(loss, kind)  # all that are on by default add up
        with pytest.raises(RecipeError, match=r"student\.loss\.user_mse.*divided among processes"):
            refuse_parts(loss.model_copy(update={"user_mse": 1.0}), kind)
