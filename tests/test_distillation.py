"""Each loss of the registry teaches, on either kind of data; what a teacher does not supply is refused."""

import json
import shutil

import numpy as np
import pytest
import torch
from tiny import make_dataset

from distill_rec.distillation import distill
from distill_rec.distillation.objective import DistillationObjective
from distill_rec.knowledge import Knowledge
from distill_rec.losses.registry import losses
from distill_rec.losses.spec import ALL_SUPPLIED, USER_VECTORS
from distill_rec.nn.user_encoders import make_user_encoder
from distill_rec.recipe import LossSection, StudentSection
from distill_rec.runtime.errors import RecipeError
from distill_rec.training.batches import make_batches
from distill_rec.training.objective import Scene, gather_users

DIM, TEACHER_DIM = 6, 8
OFF = {spec.name: 0.0 for spec in losses().values()}
CASES = [(kind, spec) for kind in ("clicks", "impressions") for spec in losses().values() if spec.works_on(kind)]


def world(kind):
    """A batch's scene whose vectors are leaves, a teacher of random vectors, and where items stand."""
    dataset = make_dataset(kind)
    torch.manual_seed(0)
    encoder = make_user_encoder("causal" if kind == "clicks" else "attention", TEACHER_DIM, dataset.max_history)
    vectors, texts = (np.random.default_rng(n).normal(size=(60, TEACHER_DIM)).astype(np.float32) for n in (0, 1))
    knowledge = Knowledge(vectors, texts, None, encoder.eval().requires_grad_(False), {})
    batches = make_batches(dataset, 16, seed=0)
    batch = batches.make(batches.epoch(0)[0])
    mask, items = torch.from_numpy(batch.mask), torch.arange(dataset.n_items)
    history = torch.where(mask, torch.from_numpy(batch.history), 0)
    leaves = torch.randn(dataset.n_items, DIM, requires_grad=True), torch.randn(16, 9, DIM, requires_grad=True)
    users = gather_users(leaves[1], batch) if kind == "clicks" else leaves[1][: len(mask), 0]
    return Scene(items, leaves[0], history, mask, users, batch), knowledge, leaves, items


def drawn_alike(call, *arguments):
    """What a call returns from the same state of torch's generator, which some losses draw from."""
    torch.manual_seed(1)
    return call(*arguments)


def objective_of(knowledge, **weights):
    section = LossSection(**OFF | weights)
    return DistillationObjective(knowledge, section, DIM, torch.arange(60), torch.device("cpu"))


@pytest.mark.parametrize(("kind", "spec"), CASES, ids=[f"{kind}-{spec.name}" for kind, spec in CASES])
def test_each_loss_reaches_the_student_by_its_weight(kind, spec):
    scene, knowledge, leaves, place = world(kind)
    torch.manual_seed(1)
    objective = objective_of(knowledge, **{spec.name: 2.0})
    torch.manual_seed(1)
    half = objective_of(knowledge, **{spec.name: 1.0})
    found = [drawn_alike(one.batch_loss, scene, place) for one in (objective, half)]
    if objective.item_losses:
        assert found[0].item() == 0
        found = [drawn_alike(one.text_loss, place, leaves[0]) for one in (objective, half)]
    slope = torch.autograd.grad(found[0], leaves, allow_unused=True, retain_graph=True)
    assert any(part is not None and part.abs().max() > 0 for part in slope)
    assert found[0].item() == pytest.approx(2 * found[1].item(), rel=1e-5) and found[0].item() != 0


@pytest.mark.parametrize("kind", ["clicks", "impressions"])
def test_losses_add_up(kind):
    scene, knowledge, _, place = world(kind)
    weights = {"click": 0.5, "kl": 1.0, "margin_mse": 0.2, "listwise": 0.3}
    apart = sum(objective_of(knowledge, **{name: weight}).batch_loss(scene, place) for name, weight in weights.items())
    together = objective_of(knowledge, **weights).batch_loss(scene, place)
    assert together.item() == pytest.approx(apart.item(), rel=1e-5)


@pytest.mark.parametrize("kind", ["clicks", "impressions"])
def test_without_a_loss_of_scores_or_users_the_teacher_is_not_asked(kind):
    scene, knowledge, leaves, place = world(kind)
    knowledge.user_encoder.forward = knowledge.user_encoder.all_positions = None
    loss = objective_of(knowledge, item_cosine=1.0).batch_loss(scene, place)
    loss.backward()  # an optimiser that steps every batch gets a gradient all the same
    assert loss.item() == 0 and not leaves[0].grad.any() and not leaves[1].grad.any()


def write_knowledge(folder, knowledge, dataset, supplies):
    from safetensors.torch import save_file

    folder.mkdir()
    settings = {"kind": "attention", "dim": TEACHER_DIM, "max_history": dataset.max_history}
    save_file(make_user_encoder(**settings).state_dict(), folder / "user_encoder.safetensors")
    np.save(folder / "item_vectors.npy", knowledge.item_vectors)
    np.save(folder / "text_vectors.npy", knowledge.text_vectors)
    sizes = {"dtype": "float32", "items": dataset.n_items, "texts": len(dataset.texts), "dim": settings["dim"]}
    manifest = {"user_encoder": settings, **sizes} | ({} if supplies is None else {"supplies": sorted(supplies)})
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_missing_signal_is_refused_before_training(tmp_path):
    dataset, (_, knowledge, *_) = make_dataset("impressions"), world("impressions")
    write_knowledge(tmp_path / "knowledge", knowledge, dataset, ALL_SUPPLIED - {USER_VECTORS})
    with pytest.raises(RecipeError, match=r"student\.loss\.user_cosine: needs user vectors"):
        distill(StudentSection(), tmp_path / "knowledge", dataset, tmp_path / "student", trunk="")
    assert not (tmp_path / "student").exists()
    shutil.rmtree(tmp_path / "knowledge")
    write_knowledge(tmp_path / "knowledge", knowledge, dataset, None)
    assert Knowledge.load(tmp_path / "knowledge").supplies == ALL_SUPPLIED  # of an older release


def adapted(adapter, dim):
    """An objective of cosines between vectors of `dim` and a teacher's of eight."""
    _, knowledge, *_ = world("clicks")
    section = LossSection(**OFF | {"item_cosine": 1.0})
    cpu = torch.device("cpu")
    return knowledge, DistillationObjective(knowledge, section, dim, torch.arange(60), cpu, adapter=adapter)


@pytest.mark.parametrize(("adapter", "dim", "parameters"), [
    ("auto", 8, 0), ("auto", 6, 56), ("none", 8, 0), ("linear", 8, 72), ("linear", 6, 56), ("mlp", 8, 144),
    ("mlp", 6, 128), ("experts", 8, 425), ("experts", 6, 610),
])  # fmt: skip
def test_an_adapter_of_each_kind_learns_with_the_student(adapter, dim, parameters):
    _, objective = adapted(adapter, dim)
    assert sum(p.numel() for p in objective.item_adapter.parameters()) == parameters
    vectors = torch.randn(60, dim, requires_grad=True)
    objective.text_loss(torch.arange(60), vectors).backward()
    assert vectors.grad.abs().max() > 0
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in objective.item_adapter.parameters())


def test_a_linear_adapter_of_equal_dimensions_begins_as_none():
    found = []
    for adapter in ("none", "linear", "mlp"):
        knowledge, objective = adapted(adapter, TEACHER_DIM)
        found.append(objective.text_loss(torch.arange(60), torch.from_numpy(knowledge.text_vectors)).item())
    assert found[0] == found[1] == pytest.approx(0, abs=1e-6) and found[2] > 0.1


def test_no_adapter_between_other_dimensions_is_refused_where_a_loss_needs_one(tmp_path):
    dataset, (_, knowledge, *_) = make_dataset("impressions"), world("impressions")
    write_knowledge(tmp_path / "knowledge", knowledge, dataset, ALL_SUPPLIED)
    section = StudentSection(dim=6, adapter="none")
    with pytest.raises(RecipeError, match=r"student\.adapter: 'none', where the student has 6 .* the teacher 8"):
        distill(section, tmp_path / "knowledge", dataset, tmp_path / "student", trunk="")
