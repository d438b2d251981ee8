"""Tunings say where the cache may stand, and make that much of a trunk learn and no more."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from tiny import make_dataset, write_trunk

from distill_rec import contracts
from distill_rec.contracts import TuningSpec, tuning_of, tuning_spec
from distill_rec.estimates import Sizes
from distill_rec.progress import Quiet
from distill_rec.recipe import OptimizerSection
from distill_rec.runtime.errors import RecipeError
from distill_rec.testing import tunings
from distill_rec.testing.tunings import check_tuning
from distill_rec.training import Objective
from distill_rec.training.optimizers import make_optimizers
from distill_rec.trunks.load import load_trunk
from teachers.bi_encoder.build import build_teacher, open_source
from teachers.bi_encoder.estimate import estimate
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.teach import teach
from teachers.bi_encoder.tuning.bottleneck import Bottleneck

ADDED = (
    *("lora", "lora:1,rank=2,alpha=2", "dora:2", "ia3", "ia3:2", "patch", "patch:1,width=8", "patch-parallel:2"),
    *("qlora", "qlora:1,rank=4"),
)
SIZES = Sizes(clicks=10_000, items=1_000, samples=500)


@pytest.mark.parametrize(
    ("name", "lowest", "learning"),
    [("head", 4, ()), ("last:1", 3, (3,)), ("last:3", 1, (1, 2, 3)), ("last:9", 0, (0, 1, 2, 3)), ("full", None, None)],
)
def test_a_tuning_makes_its_part_of_the_trunk_learn(tmp_path: Path, name: str, lowest: int, learning: object) -> None:
    tuning = tuning_of(name)
    assert tuning.name == name and tuning.lowest(4) == lowest
    trunk = load_trunk(str(write_trunk(tmp_path / "trunk", layers=4)))
    held = tuning.prepare(trunk)
    learns = {id(p) for p in trunk.model.parameters() if p.requires_grad}
    assert learns == {id(p) for p in held.parameters() if p.requires_grad}
    if learning is None:
        assert len(learns) == len(list(trunk.model.parameters()))
    else:
        layers = [n for n, layer in enumerate(trunk.layers) if any(id(p) in learns for p in layer.parameters())]
        assert tuple(layers) == learning
        assert len(learns) == sum(len(list(trunk.layers[n].parameters())) for n in layers)


@pytest.mark.parametrize("name", ["head", "last:1", "last:2", "full", *ADDED])
def test_every_tuning_conforms(tmp_path: Path, name: str) -> None:
    check_tuning(name, tmp_path)


def test_the_suite_finds_a_start_that_is_another_and_a_merge_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def merging(name: str) -> TuningSpec:
        return dataclasses.replace(tuning_spec(name), merges=True)

    with monkeypatch.context() as patch, pytest.raises(AssertionError, match=r"merged, its tensors differ by .*patch"):
        patch.setattr(tunings, "tuning_spec", merging)
        check_tuning("patch:1", tmp_path / "merge")
    plain = Bottleneck.forward
    monkeypatch.setattr(Bottleneck, "forward", lambda self, x: plain(self, x) + x.sin())
    with pytest.raises(AssertionError, match=r"prepared, its vectors are .* off"):
        check_tuning("patch:1", tmp_path / "start")


@pytest.mark.parametrize(
    ("name", "lowest"), [("lora:2", 10), ("lora", 0), ("dora:3,rank=4", 9), ("ia3:20", 0), ("patch:2,width=8", 10)]
)
def test_added_weights_leave_the_layers_below_to_the_cache(name: str, lowest: int) -> None:
    assert tuning_of(name).lowest(12) == lowest


def test_options_at_their_defaults_are_the_same_tuning() -> None:
    assert tuning_of("lora:2,alpha=16,rank=8").name == "lora:2"
    assert tuning_of("lora:rank=4,alpha=9").name == "lora:rank=4,alpha=9"
    assert tuning_of("patch-parallel:width=64").name == "patch-parallel"


@pytest.mark.parametrize(
    "name",
    [
        *("last", "last:0", "last:two", "head:1", "full:2", "lora:0", "lora:two", "lora:2,3", "lora:rank=8,2"),
        *("lora:2,width=8", "lora:2,rank=0", "lora:rank=8,rank=4", "ia3:2,rank=8", "patch:rank=4", "lora:2,"),
    ],
)
def test_a_wrong_argument_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"argument|number of layers"):
        tuning_of(name)


def test_qlora_keeps_the_layers_above_the_cache_in_four_bits_and_gives_them_back_whole(tmp_path: Path) -> None:
    def held(number: int) -> int:
        linears = [part for part in trunk.layers[number].modules() if isinstance(part, torch.nn.Linear)]
        return sum(one.weight.nbytes for one in linears if not one.weight.requires_grad)

    trunk = load_trunk(str(write_trunk(tmp_path, layers=3)))
    whole, tuning = held(2), tuning_of("qlora:1")
    tuning.prepare(trunk)
    assert [held(number) for number in (0, 1)] == [whole, whole] and held(2) < whole / 7
    tuning.merge(trunk)
    assert held(2) == whole and {p.dtype for p in trunk.layers[2].parameters()} == {torch.float32}


def test_a_training_on_four_bits_goes_on_after_a_look_without_a_graph(tmp_path: Path) -> None:
    trunk = load_trunk(str(write_trunk(tmp_path, layers=2)))
    held = tuning_of("qlora").prepare(trunk)
    trunk.model.eval()
    with torch.no_grad():
        looked = tunings.encode(trunk)
    trunk.model.train()
    for module in trunk.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    trained = tunings.encode(trunk)
    torch.testing.assert_close(trained, looked)
    trained.square().sum().backward()
    assert all(p.grad is not None for p in held.parameters())


def test_a_tuning_whose_package_is_missing_is_refused_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contracts.importlib.util, "find_spec", lambda name: None)
    section = BiEncoderSection(trunk="no such folder", choose=[{"tuning": "head"}, {"tuning": "qlora:2"}])
    with pytest.raises(RecipeError, match=r"'qlora:2', and bitsandbytes is not installed.*distill-rec\[qlora\]"):
        teach(section, make_dataset(), tmp_path)
    assert not list(tmp_path.iterdir())


def test_rates_of_the_trunk_fall_from_layer_to_layer_and_each_weight_has_one(tmp_path: Path) -> None:
    dataset, cpu = make_dataset(), torch.device("cpu")
    optimizer = OptimizerSection(trunk_learning_rate=1e-3, trunk_layer_decay=0.5)
    section = BiEncoderSection(trunk=str(write_trunk(tmp_path, layers=3)), tuning="full", dim=8, optimizer=optimizer)
    model = build_teacher(section, open_source(section, dataset, cpu), dataset, cpu, Quiet())
    groups = make_optimizers(model, Objective(), optimizer, 0.0).named()["window"].param_groups
    rates: dict[int, float] = {}
    for group in groups:
        for parameter in group["params"]:
            assert id(parameter) not in rates
            rates[id(parameter)] = group["lr"]
    found = {
        name: {rates[id(parameter)] for parameter in members}
        for name, members in model.text_encoder.trunk_groups().items()
    }
    assert found == {
        "trunk layer 2": {1e-3},
        "trunk layer 1": {5e-4},
        "trunk layer 0": {2.5e-4},
        "trunk embeddings": {1.25e-4},
    }


def test_an_estimate_asks_the_tuning_and_the_trunk_how_many_layers_a_window_passes(tmp_path: Path) -> None:
    def seconds(layers: int, tuning: str, width: int = 384) -> float:
        folder = tmp_path / f"{layers}-{width}"
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text(json.dumps({"num_hidden_layers": layers, "hidden_size": width}))
        return estimate(BiEncoderSection(trunk=str(folder), tuning=tuning), SIZES)[1]

    # one pass of all texts: 1,000 at 200 a second of six layers of 384
    assert seconds(12, "head") - seconds(6, "head") == pytest.approx(5)
    assert seconds(12, "head", 768) - seconds(6, "head") == pytest.approx(35)
    for layers, head in ((12, seconds(12, "head")), (4, seconds(4, "head"))):
        share = (seconds(layers, "last:3") - head) / (seconds(layers, "full") - head)
        assert share == pytest.approx(3 / layers)
    assert seconds(4, "last:4") == pytest.approx(seconds(4, "full"))
    file = estimate(BiEncoderSection(trunk="vectors.npz"), SIZES)[1]  # no PLM at all
    assert seconds(6, "head") - file == pytest.approx(5)
