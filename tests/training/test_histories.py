"""Histories that nobody had: real items, real targets, the same for student and teacher, the same after a kill."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file
from tiny import make_dataset, student_section, write_trunk

from distill_rec.distillation import distill
from distill_rec.distillation.objective import DistillationObjective
from distill_rec.knowledge import Knowledge
from distill_rec.losses.registry import losses
from distill_rec.nn.user_encoders import make_user_encoder
from distill_rec.recipe import LossSection, OptimizerSection
from distill_rec.sections.base import decisive
from distill_rec.sections.student import TaughtHistoriesSection
from distill_rec.training.batches import SequenceBatch, make_batches
from distill_rec.training.histories import Histories
from distill_rec.training.loop import Training
from distill_rec.training.objective import Scene, gather_users, same_users
from teachers.item_ids.spec import ItemIdsSection
from teachers.item_ids.teach import teach
from teachers.student.spec import StudentTeacherSection

KINDS = ("clicks", "impressions")
OFF = {spec.name: 0.0 for spec in losses().values()}
QUICK = OptimizerSection(batch_size=16, window=2, max_epochs=3, checkpoint_seconds=0, warmup_updates=2)


def changed_by(kind, **ways):
    """Data, a batch, and the same batch with its histories changed."""
    dataset = make_dataset(kind)
    batches = make_batches(dataset, 32, seed=0)
    batch = batches.make(batches.epoch(0)[0])
    return dataset, batch, Histories(TaughtHistoriesSection(**ways), dataset, seed=3).change(batch, 2, 1)


def seen(batch):
    """What each target (or row) sees."""
    if isinstance(batch, SequenceBatch):
        return [batch.history[row][:end].tolist() for row, end in zip(batch.row, batch.position, strict=True)]
    return [row[mask].tolist() for row, mask in zip(batch.history, batch.mask, strict=True)]


def targets(batch):
    """The row of each target and its item."""
    if isinstance(batch, SequenceBatch):
        return batch.row, batch.target
    row, column = np.nonzero(batch.labels & batch.shown)
    return row, batch.candidates[row, column]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", ["swap", "walk", "mix"])
def test_a_changed_click_is_a_clicked_item_that_its_row_neither_holds_nor_is_asked_for(kind, way):
    dataset, batch, other = changed_by(kind, **{way: 0.5})
    np.testing.assert_array_equal(other.mask, batch.mask)
    np.testing.assert_array_equal(other.history[~batch.mask], batch.history[~batch.mask])
    for one, same in zip(targets(batch), targets(other), strict=True):
        np.testing.assert_array_equal(one, same)
    replaced = other.history != batch.history
    assert 0.05 < replaced[batch.mask].mean() < 0.6
    assert dataset.warm[other.history[batch.mask]].all()
    asked = dict.fromkeys(range(len(batch.history)), frozenset())
    for row, item in zip(*targets(batch), strict=True):
        asked[row] |= {int(item)}
    for row, column in zip(*np.nonzero(replaced), strict=True):
        assert other.history[row, column] not in asked[row] | set(batch.history[row][batch.mask[row]])


@pytest.mark.parametrize("kind", KINDS)
def test_targets_know_whether_what_they_see_was_changed(kind):
    _, batch, other = changed_by(kind, swap=0.1, drop=0.1, share=0.7)
    expected = [one != now for one, now in zip(seen(batch), seen(other), strict=True)]
    assert other.changed.tolist() == expected
    assert 0 < np.mean(expected) < 1


@pytest.mark.parametrize("kind", KINDS)
def test_dropped_clicks_close_up_for_every_target(kind):
    _, batch, other = changed_by(kind, drop=0.4)
    lengths = []
    for before, after in zip(seen(batch), seen(other), strict=True):
        rest = iter(before)
        assert all(item in rest for item in after), (before, after)  # in order, some left out
        lengths.append((len(before), len(after)))
    total, left = np.sum(lengths, axis=0)
    assert 0.45 < left / total < 0.75
    assert other.mask.sum(1).max() == other.mask.shape[1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_walk_goes_where_somebody_went(kind):
    dataset, batch, other = changed_by(kind, walk=0.8)
    rows = dataset.train.items if kind == "clicks" else dataset.train.history
    went = {pair for row in rows for pair in zip(row[:-1].tolist(), row[1:].tolist(), strict=True)}
    replaced = other.history != batch.history
    steps = set(zip(batch.history[replaced].tolist(), other.history[replaced].tolist(), strict=True))
    assert steps and steps <= went


def test_a_mixed_history_goes_on_as_one_other():
    _, batch, other = changed_by("clicks", mix=1.0)
    replaced, width = other.history != batch.history, batch.history.shape[1]
    assert replaced.any(1).mean() > 0.5
    for row in np.flatnonzero(replaced.any(1)):
        columns = np.flatnonzero(replaced[row])
        assert any((one[columns] == other.history[row][columns]).all() for one in batch.history)
    assert replaced[:, 0].mean() < replaced[:, width // 2].mean()


def test_each_place_in_a_training_has_changes_of_its_own():
    dataset, batch, one = changed_by("clicks", swap=0.5)
    histories = Histories(TaughtHistoriesSection(swap=0.5), dataset, seed=3)
    np.testing.assert_array_equal(histories.change(batch, 2, 1).history, one.history)
    for place in ((2, 0), (2, 2), (1, 1)):
        assert (histories.change(batch, *place).history != one.history).any()
    other = Histories(TaughtHistoriesSection(swap=0.5), dataset, seed=4)
    assert (other.change(batch, 2, 1).history != one.history).any()


def asked_of(kind, weights, **ways):
    """The loss of a changed batch for a student that equals its teacher, and what a student of other vectors has."""
    dataset, _, batch = changed_by(kind, **ways)
    torch.manual_seed(0)
    encoder = make_user_encoder("causal" if kind == "clicks" else "attention", 8, dataset.max_history).eval()
    vectors = torch.randn(dataset.n_items, 8)
    knowledge = Knowledge(vectors.numpy(), vectors.numpy(), None, encoder.requires_grad_(False), {})
    histories = Histories(TaughtHistoriesSection(**ways), dataset, seed=3)
    device = torch.device("cpu")
    objective = DistillationObjective(knowledge, LossSection(**OFF | weights), 8, torch.arange(3), device, histories)
    mask, items = torch.from_numpy(batch.mask), torch.arange(dataset.n_items)
    history = torch.where(mask, torch.from_numpy(batch.history), 0)
    clicked = vectors[history]
    users = gather_users(encoder.all_positions(clicked, mask), batch) if kind == "clicks" else encoder(clicked, mask)
    scene = Scene(items, vectors, history, mask, users.clone().requires_grad_(), batch)
    return objective.batch_loss(scene, items), scene


@pytest.mark.parametrize("kind", KINDS)
def test_the_teacher_is_asked_for_the_same_histories(kind):
    loss, _ = asked_of(kind, {"kl": 1.0, "user_mse": 1.0}, swap=0.5, drop=0.3)
    assert loss.item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_losses_of_clicks_may_leave_changed_histories_out(kind):
    ways = {"swap": 0.2, "share": 0.5}
    whole, _ = asked_of(kind, {"click": 1.0}, **ways)
    loss, scene = asked_of(kind, {"click": 1.0}, clicks=False, **ways)
    (slope,) = torch.autograd.grad(loss, scene.users)
    learns, changed = (slope.abs().max(1).values > 0).numpy(), scene.batch.changed
    if kind == "clicks":  # those of one second follow on one user vector
        same = same_users(scene, scene.batch).numpy()
        learns, changed = (np.bincount(same, values) > 0 for values in (learns, changed))
    np.testing.assert_array_equal(learns, ~changed)
    assert 0 < loss.item() < whole.item()


@pytest.mark.parametrize("kind", KINDS)
def test_where_every_history_is_changed_no_click_may_be_left(kind):
    loss, scene = asked_of(kind, {"click": 1.0, "margin_mse": 1.0}, clicks=False, mix=1.0, swap=1.0, drop=0.1)
    (slope,) = torch.autograd.grad(loss, scene.users)
    assert torch.isfinite(loss) and not slope[torch.from_numpy(scene.batch.changed)].any()


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path / "cache"))
    trunk, dataset = str(write_trunk(tmp_path / "trunk")), make_dataset()
    teach(ItemIdsSection(dim=8, optimizer=QUICK), dataset, tmp_path / "teach")

    def train(name, *, knowledge=tmp_path / "teach" / "knowledge", **histories):
        section = student_section("static", optimizer=QUICK, histories=histories)
        distill(section, knowledge, dataset, tmp_path / name, trunk=trunk)
        return load_file(tmp_path / name / "weights.safetensors")

    return train


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_no_share_is_as_before_and_a_share_is_not(world):
    plain = world("plain")
    assert same(plain, world("none", share=0.0, swap=0.5, drop=0.5))
    assert not same(plain, world("swapped", swap=0.2))


def test_a_student_without_distillation_learns_from_the_histories_that_the_distilled_one_does(world):
    plain, half = world("plain", knowledge=None), {"swap": 0.5}
    assert not same(plain, world("swapped", knowledge=None, **half))
    assert same(plain, world("clicks of the data alone", knowledge=None, clicks=False, **half))


def test_a_teacher_learns_from_changed_histories_where_it_is_told_to(tmp_path):
    def taught(name, **histories):
        section = ItemIdsSection(dim=8, optimizer=QUICK, histories=histories)
        teach(section, make_dataset(), tmp_path / name)
        return load_file(tmp_path / name / "weights.safetensors")

    plain = taught("plain")
    assert same(plain, taught("none", swap=0.5, share=0.0))
    assert not same(plain, taught("dropped", drop=0.3))


def test_a_student_as_a_teacher_has_no_losses_of_its_own_to_keep_apart():
    with pytest.raises(ValidationError, match=r"histories\.clicks"):
        StudentTeacherSection(model={"histories": {"swap": 0.2, "clicks": False}})


def test_a_killed_training_goes_on_with_the_same_histories(world, monkeypatch):
    ways = {"swap": 0.2, "walk": 0.2, "drop": 0.1, "mix": 0.3, "share": 0.8}
    whole, plain, done = world("whole", **ways), Training._window, []

    def window(self):
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(1)
        return plain(self)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Training, "_window", window)
        world("killed", **ways)
    np.random.seed(5)  # noqa: NPY002  (no global state plays a part)
    torch.rand(3)
    assert same(whole, world("killed", **ways))


def test_a_training_begun_before_there_were_such_histories_has_the_same_fingerprint():
    assert "histories" not in decisive(student_section(), {"optimizer"})
    changed = student_section(histories={"swap": 0.2})
    assert decisive(changed, {"optimizer"})["histories"]["swap"] == 0.2
