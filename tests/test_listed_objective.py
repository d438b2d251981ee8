"""A student of stored scores learns what one of the same teacher's vectors would, and its teacher's ranking."""

import numpy as np
import pytest
import torch
from tiny import make_dataset, student_section, write_trunk

from distill_rec.data.dataset import Sequences
from distill_rec.data.scores import ListedScores, sample_counts, top_of
from distill_rec.distillation import distill
from distill_rec.distillation.listed import ListedObjective
from distill_rec.distillation.objective import DistillationObjective, objective_of
from distill_rec.knowledge import Knowledge, write_scores
from distill_rec.losses.registry import losses
from distill_rec.nn.user_encoders import make_user_encoder
from distill_rec.recipe import LossSection
from distill_rec.runtime.errors import RecipeError, RunError
from distill_rec.training.batches import make_batches
from distill_rec.training.objective import Scene, gather_users

DIM = 6
OFF = {spec.name: 0.0 for spec in losses().values()}


def training_scores(dataset, score, most=None):
    """`score(user, items)` of each training sample: of all items, or of those shown."""
    train = dataset.train
    if isinstance(train, Sequences):
        users = np.repeat(train.user, train.items.lengths)
        dense = np.stack([score(user, np.arange(dataset.n_items)) for user in users]).astype(np.float32)
        return top_of(dense, most or dataset.n_items)
    row = np.repeat(np.arange(len(train)), train.candidates.lengths)
    items = train.candidates.values
    found = np.array([score(train.user[r], np.array([i]))[0] for r, i in zip(row, items, strict=True)], np.float32)
    return ListedScores.of(row, items.astype(np.int64), found, len(train))


def colour(user, items):
    """A teacher who knows what the users of this world like."""
    return np.where(items % 3 == user % 3, 3.0, -3.0) + 0.01 * items


def scene_of(kind):
    """A batch's scene whose vectors are leaves, a teacher of random vectors, the leaves, and where items stand."""
    dataset = make_dataset(kind)
    torch.manual_seed(0)
    encoder = make_user_encoder("mean", DIM, dataset.max_history).eval().requires_grad_(False)
    vectors = np.random.default_rng(0).normal(size=(60, DIM)).astype(np.float32)
    knowledge = Knowledge(vectors, vectors, None, encoder, {})
    batches = make_batches(dataset, 16, seed=0)
    batch = batches.make(batches.epoch(0)[0])
    mask, items = torch.from_numpy(batch.mask), torch.arange(dataset.n_items)
    history = torch.where(mask, torch.from_numpy(batch.history), 0)
    leaves = torch.randn(dataset.n_items, DIM, requires_grad=True), torch.randn(16, 9, DIM, requires_grad=True)
    users = gather_users(leaves[1], batch) if kind == "clicks" else leaves[1][: len(mask), 0]
    return Scene(items, leaves[0], history, mask, users, batch), knowledge, leaves, items


@pytest.mark.parametrize("kind", ["clicks", "impressions"])
@pytest.mark.parametrize("name", ["kl", "ranknet", "listwise", "bce", "margin_mse"])
def test_stored_scores_teach_what_the_vectors_they_are_of_teach(kind, name):
    scene, knowledge, leaves, items = scene_of(kind)
    batch, vectors, loss = scene.batch, knowledge.item_vectors, LossSection(**OFF | {name: 1.0, "click": 0.3})
    asked = DistillationObjective(knowledge, loss, DIM, items, torch.device("cpu"))
    taught = asked._teacher(scene, items).users @ torch.from_numpy(vectors).t()
    dense = np.full((sample_counts(make_dataset(kind))["train"], 60), -1e3, np.float32)  # those that are not asked for
    dense[batch.number] = taught.numpy()
    stored = ListedObjective(top_of(dense, 60), loss)
    ours, theirs = stored.batch_loss(scene, items), asked.batch_loss(scene, items)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-4)
    for found, expected in zip(
        *(torch.autograd.grad(one, leaves, retain_graph=True) for one in (ours, theirs)), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", ["clicks", "impressions"])
def test_beside_vectors_the_stored_scores_go_before_their_products(kind):
    scene, knowledge, _, items = scene_of(kind)
    counts = sample_counts(make_dataset(kind))["train"]
    knowledge.scores = {"train": top_of(np.random.default_rng(3).normal(size=(counts, 60)).astype(np.float32), 60)}
    weights = {"kl": 1.0, "click": 0.3, "item_mse": 0.5, "user_mse": 0.2}

    def objective(**loss):
        section, dataset = student_section(dim=DIM, loss=OFF | loss), make_dataset(kind)
        return objective_of(knowledge, section, dataset, torch.device("cpu"))

    whole = objective(**weights)
    alone = ListedObjective(knowledge.scores["train"], LossSection(**OFF | {"kl": 1.0, "click": 0.3}))
    users = objective(user_mse=0.2)
    expected = alone.batch_loss(scene, items) + users.batch_loss(scene, items)
    assert whole.batch_loss(scene, items).item() == pytest.approx(expected.item(), rel=1e-5)
    assert whole.text_loss(items, scene.vectors).item() > 0


@pytest.fixture(scope="module")
def trunk(tmp_path_factory):
    return str(write_trunk(tmp_path_factory.mktemp("trunk") / "tiny"))


def student(trunk, dataset, folder, knowledge=None, **settings):
    optimizer = {"batch_size": 16, "window": 1, "max_updates": 60, "learning_rate": 1e-2}
    loss = OFF | {"kl": 1.0} | settings.pop("loss", {})
    section = student_section(device="cpu", optimizer=optimizer, loss=loss, **settings)
    distill(section, knowledge, dataset, folder, trunk=trunk)
    from distill_rec.student_model import load_student

    return load_student(folder)


@pytest.mark.parametrize(("kind", "most"), [("clicks", 15), ("impressions", None)])
def test_a_student_of_scores_alone_comes_to_rank_as_its_teacher_does(kind, most, trunk, tmp_path):
    dataset = make_dataset(kind)
    folder = tmp_path / "teach" / "knowledge"
    write_scores(folder, {"train": training_scores(dataset, colour, most)}, dataset)
    knowledge = Knowledge.load(folder)
    assert knowledge.supplies == {"scores"} and knowledge.dim == 0
    taught = student(trunk, dataset, tmp_path / "student", folder)
    start = student(trunk, dataset, tmp_path / "start", folder, loss={"kl": 1e-12})
    truth = np.stack([colour(user, np.arange(60)) > 0 for user in range(80)])[:, :55]

    def right(model):
        vectors = model.item_vectors[:55]
        users = model.scorer("it").user_vectors(dataset.test.history.take(np.arange(80)))
        best = np.argsort(-(users @ vectors.T), axis=1)[:, :10]
        return np.take_along_axis(truth, best, 1).mean()

    assert right(taught) > right(start) + 0.1


def test_what_scores_cannot_teach_is_refused_with_the_key_to_set(trunk, tmp_path):
    dataset = make_dataset("impressions")
    folder = tmp_path / "teach" / "knowledge"
    write_scores(folder, {"train": training_scores(dataset, colour)}, dataset)
    with pytest.raises(RecipeError, match=r"item_cosine: needs item vectors.*Set student\.loss\.item_cosine = 0"):
        student(trunk, dataset, tmp_path / "a", folder, loss={"item_cosine": 1.0})
    with pytest.raises(RecipeError, match=r"student\.histories: .*made once"):
        student(trunk, dataset, tmp_path / "b", folder, histories={"swap": 0.2})
    with pytest.raises(RunError, match="the teacher's knowledge has data"):
        student(trunk, make_dataset("impressions", seed=1), tmp_path / "c", folder)
