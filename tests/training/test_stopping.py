"""When a training stops, and what its history says of it: no column of a comparison may stop before it has begun."""

import pytest
import torch
from safetensors.torch import load_file
from tiny import make_dataset, write_trunk

from distill_rec.distillation import distill
from distill_rec.files import read_json
from distill_rec.recipe import OptimizerSection
from distill_rec.runtime.errors import TrainingError
from distill_rec.training import loop
from distill_rec.training.plateau import Plateau
from students.static.spec import StaticSection
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.teach import teach

SHORT = {"batch_size": 16, "window": 2, "checkpoint_seconds": 0, "item_chunk": 16}


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path / "cache"))
    return make_dataset(), str(write_trunk(tmp_path / "trunk")), tmp_path


def train(world, name, **optimizer):
    dataset, trunk, folder = world
    section = StaticSection(dim=8, table_dim=8, optimizer=OptimizerSection(**SHORT | optimizer))
    distill(section, None, dataset, folder / name, trunk=trunk)
    return read_json(folder / name / "history.json")


def test_a_plateau_waits_for_steps_as_well_as_validations():
    plateau = Plateau(patience=2, min_gain=0.01, patience_steps=10)
    plateau.update(1.0, 4)
    for step in (5, 6, 7):
        plateau.update(1.0, step)
    assert plateau.stale == 3
    assert not plateau.finished(13, warmup=0) and plateau.finished(14, warmup=0)
    # Steps of the warm-up are no steps at the rate that is being tried.
    assert not plateau.finished(29, warmup=20) and plateau.finished(30, warmup=20)


def test_models_that_gain_nothing_are_trained_to_the_same_floor_and_through_their_warm_up(world, monkeypatch):
    monkeypatch.setattr(loop, "validation_metric", lambda *_: 0.5)  # no validation is ever a gain
    rule = {"patience": 1, "validate_every": 2}
    floor = train(world, "floor", **rule, patience_updates=0, min_updates=20, warmup_updates=0)
    assert floor["stopped"] == "plateau" and 20 <= floor["updates"] <= 22
    warm = train(world, "warm", **rule, patience_updates=3, min_updates=0, warmup_updates=6)
    # Nine steps of the item encoder, which come once per window; windows do not cross an epoch's end.
    assert warm["stopped"] == "plateau" and warm["steps"]["window"] == 9 < warm["updates"]


@pytest.mark.parametrize(
    ("given", "updates_each", "epochs"),
    [
        ({}, 1, 1200),  # the default gives way to twice the floor
        ({}, 7, 172),
        ({}, 50, 100),
        ({"max_epochs": 90}, 1, 90),
        ({"min_updates": 0}, 1, 100),
        ({"decay": "linear"}, 1, 100),
    ],
)
def test_only_epochs_that_somebody_set_come_before_the_floor(given, updates_each, epochs):
    assert OptimizerSection(**given).epochs(updates_each) == epochs


def test_a_small_log_is_trained_to_a_plateau_behind_the_floor(world, monkeypatch):
    monkeypatch.setattr(loop, "validation_metric", lambda *_: 0.5)
    rule = {"batch_size": 10_000, "patience": 1, "patience_updates": 0, "warmup_updates": 0, "min_updates": 110}
    found = train(world, "small", **rule)
    assert (found["stopped"], found["updates"], found["rising"]) == ("plateau", 110, False)
    cut = train(world, "cut", **rule, max_epochs=90)
    assert (cut["stopped"], cut["updates"]) == ("max_epochs", 90)


def test_a_falling_rate_is_not_cut_by_a_plateau(world, monkeypatch):
    monkeypatch.setattr(loop, "validation_metric", lambda *_: 0.5)
    found = train(
        world,
        "falling",
        decay="linear",
        max_updates=30,
        patience=1,
        validate_every=2,
        patience_updates=0,
        min_updates=0,
    )
    assert (found["stopped"], found["updates"], found["rising"]) == ("max_updates", 30, False)


def test_a_limit_within_the_patience_of_a_gain_is_told_as_still_rising(world, monkeypatch):
    values = iter(range(1, 1000))
    monkeypatch.setattr(loop, "validation_metric", lambda *_: float(next(values)))
    assert train(world, "rising", max_updates=12)["rising"] is True


def test_how_far_a_training_went_that_gained_nothing_is_told(world, monkeypatch):
    values = iter(range(1000, 0, -1))
    monkeypatch.setattr(loop, "validation_metric", lambda *_: float(next(values)))
    found = train(world, "worse", max_updates=12)
    assert found["best"] == 1000.0 and not any(found["moved"].values())  # the start was kept
    assert found["moved_last"].keys() == found["moved"].keys() and all(found["moved_last"].values())


def test_tuned_layers_move_as_their_rate_says_and_the_history_tells_how_far(world):
    dataset, trunk, folder = world
    moved = {}
    for rate in (1e-4, 1e-3):
        tuned = OptimizerSection(
            **SHORT, max_updates=24, trunk_learning_rate=rate, learning_rate=1e-9, warmup_updates=2, weight_decay=0.0
        )
        section = BiEncoderSection(
            trunk=trunk,
            dim=8,
            tuning="last:1",
            optimizer=OptimizerSection(**SHORT, max_updates=4),
            trunk_optimizer=tuned,
        )
        teach(section, dataset, folder / f"teach-{rate}")
        history = read_json(folder / f"teach-{rate}" / "history.json")
        layers = {name: value for name, value in history["moved"].items() if name.startswith("trunk")}
        assert list(layers) == ["trunk layer 1"]  # the lower of two stayed frozen
        steps, moved[rate] = history["steps"]["window"], layers["trunk layer 1"]
        start = load_file(folder / f"teach-{rate}" / "weights.safetensors")
        size = sum(v.numel() for n, v in start.items() if "tuned" in n) ** 0.5
        norm = sum(float(v.square().sum()) for n, v in start.items() if "tuned" in n) ** 0.5
        # AdamW moves a weight by at most about its rate per step.
        assert 0 < moved[rate] <= 1.1 * rate * steps * size / norm
    assert moved[1e-3] > 4 * moved[1e-4]


def test_the_best_of_the_tries_is_kept_and_all_are_told(world):
    folder = world[2]
    rates = [1e-9, 1e-2]
    plain = train(world, "plain", max_updates=40, learning_rate=1e-2)
    found = train(world, "tries", max_updates=40, tries=[{"learning_rate": rate} for rate in rates])
    assert found["chosen_try"] == 1 and found["best"] == plain["best"]
    assert [one["changes"]["learning_rate"] for one in found["tries"]] == rates
    assert found["tries"][0]["best"] < found["best"]
    one, other = (load_file(folder / name / "weights.safetensors") for name in ("plain", "tries"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_gradient_that_is_not_finite_stops_before_the_step_and_another_rate_goes_on(world, monkeypatch):
    plain, calls = loop.run_window, []

    def poisoned(model, *rest):
        calls.append(1)
        if len(calls) == 5:  # the loss is finite, its gradient is not
            model.user_encoder.empty.register_hook(lambda gradient: gradient * float("nan"))
            model.user_encoder.norm.weight.register_hook(lambda gradient: gradient * float("nan"))
        return plain(model, *rest)

    with monkeypatch.context() as patch, pytest.raises(TrainingError, match="gradient") as caught:
        patch.setattr(loop, "run_window", poisoned)
        train(world, "student", max_updates=20)
    assert "step 8" in str(caught.value), str(caught.value)
    history = train(world, "student", max_updates=20, learning_rate=1e-4)
    assert history["updates"] == 20
    assert [(one["update"], one["learning_rate"]) for one in history["rates"]] == [(0, 2e-3), (8, 1e-4)]
    weights = load_file(world[2] / "student" / "weights.safetensors")
    assert all(torch.isfinite(value).all() for value in weights.values() if value.is_floating_point())
