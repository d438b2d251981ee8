"""A transformer student whose first stage learns from the layers of its teacher's PLM, run beside it."""

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file
from tiny import make_dataset, student_section, write_trunk

from distill_rec.distillation import distill
from distill_rec.distillation.tokens import layers_together
from distill_rec.distillation.training import UNTRAINED
from distill_rec.nn.text_head import TextHead
from distill_rec.recipe import FirstSection
from distill_rec.recipe_check import check
from distill_rec.records import read_record
from distill_rec.runtime.errors import RecipeError
from distill_rec.sections.base import decisive
from distill_rec.teacher_model import Teacher
from distill_rec.testing.kills import Counted, KilledError, places
from distill_rec.testing.sections import QUICK, own_cache
from distill_rec.training.checkpoint import under
from distill_rec.training.outcome import Outcome
from distill_rec.trunks.caught import Caught
from distill_rec.trunks.load import pool
from distill_rec.trunks.prefix import forward_all, pad_tokens
from distill_rec.trunks.tokens import tokenize
from teachers.bi_encoder.encoder import open_tuned_trunk
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.teach import teach

FIRST = {"optimizer": QUICK | {"max_epochs": 20, "min_updates": 0, "trunk_learning_rate": 3e-3}}
BOTH = {"hidden": 1.0, "attention_relation": 1.0}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokens")
    dataset, trunk = make_dataset(), str(write_trunk(folder / "trunk"))
    with own_cache(folder):
        for tuning in ("head", "last:1"):
            optimizers = {"optimizer": QUICK, "trunk_optimizer": QUICK | {"trunk_learning_rate": 1e-2}}
            section = BiEncoderSection(trunk=trunk, dim=8, device="cpu", tuning=tuning, **optimizers)
            teach(section, dataset, folder / tuning)
        yield dataset, trunk, folder


def train(world, name, loss=BOTH, kind="transformer", teacher="head", progress=None, tokens=None, **settings):
    dataset, trunk, folder = world
    first = {**FIRST, "loss": loss, "tokens": tokens or {}}
    settings = {"start": "none", "device": "cpu", "optimizer": QUICK, "trunk": trunk, "first": first, **settings}
    section = student_section(kind, **settings)
    distill(section, folder / teacher / "knowledge", dataset, folder / name, trunk=trunk, progress=progress)
    return folder / name


def history(place):
    return read_record(Outcome, place / "history.json").before["first stage"].history


@pytest.mark.parametrize("loss", BOTH)
def test_what_a_student_learns_from_comes_nearer_on_texts_held_out(world, loss):
    told = history(train(world, f"one-{loss}", {loss: 30.0}))
    assert min(one[loss] for one in told[1:]) < 0.8 * told[0][loss]
    assert {loss} == set(told[0]) & set(BOTH)


def test_a_student_that_is_the_whole_trunk_of_an_untuned_teacher_is_at_zero(world):
    told = history(train(world, "whole-trunk", layers=2))
    assert told[0]["hidden"] < 1e-6 and told[0]["attention_relation"] < 1e-6


def test_the_tuned_trunk_is_what_is_matched(world):
    dataset, _, folder = world
    teacher = Teacher.load(folder / "last:1")
    trunk = open_tuned_trunk(teacher)
    ids, mask = pad_tokens(tokenize(dataset.texts, trunk.tokenizer()), torch.arange(5).numpy(), torch.device("cpu"))
    plain = open_tuned_trunk(Teacher.load(folder / "head"))
    tuned, public = (forward_all(one, ids, mask) for one in (trunk, plain))
    assert not tuned.requires_grad and (tuned - public).abs().max() > 1e-3
    told = history(train(world, "tuned", teacher="last:1", layers=2, tokens={"hidden_layers": [1, 2]}))
    assert told[0]["hidden"] > 1e-5
    lower = history(train(world, "below", teacher="last:1", layers=2, tokens={"hidden_layers": [1, 0]}))
    assert lower[0]["hidden"] < 1e-6  # a layer that was not tuned


@pytest.mark.parametrize("tuning", ["lora:1", "patch:1", "full"])
def test_whatever_was_tuned_is_opened_as_it_encodes(world, tuning):
    dataset, trunk, folder = world
    optimizers = {"optimizer": QUICK, "trunk_optimizer": QUICK | {"max_epochs": 1, "trunk_learning_rate": 1e-2}}
    section = BiEncoderSection(trunk=trunk, dim=8, device="cpu", tuning=tuning, **optimizers)
    teach(section, dataset, folder / tuning)
    teacher = Teacher.load(folder / tuning)
    opened = open_tuned_trunk(teacher)
    caught = Caught(opened.layers, [1], 1)
    ids, mask = pad_tokens(tokenize(dataset.texts, opened.tokenizer()), torch.arange(8).numpy(), torch.device("cpu"))
    with torch.no_grad():
        forward_all(opened, ids, mask)
    (state,), attention = caught.take()
    pooled = pool(state, mask, opened.pooling)
    head = TextHead(32, 8)
    head.load_state_dict(under(under(load_file(teacher.folder / "weights.safetensors"), "text_encoder"), "head"))
    known = torch.from_numpy(teacher.knowledge.text_vectors[:8].copy())
    assert torch.allclose(head(pooled), known, atol=1e-2 * known.abs().max()) and len(attention) == 3


def test_widths_may_differ_and_the_map_between_them_is_learnt(world):
    _, _, folder = world
    wide = str(write_trunk(folder / "wide", width=48))
    place = train(world, "wider", {"hidden": 1.0, "attention_relation": 1.0}, trunk=wide)
    learned = load_file(place / "first" / "best.safetensors")["1.tokens.map.weight"]
    assert learned.shape == (32, 48)
    assert not any("tokens" in name for name in load_file(place / "best.safetensors"))


def test_killed_anywhere_it_ends_in_the_same_student(world):
    counted = Counted()
    whole = load_file(train(world, "whole", progress=counted) / "weights.safetensors")
    for place in places(counted.told):
        with pytest.raises(KilledError):
            train(world, f"killed-{place}", progress=Counted(place))
        torch.rand(3)
        other = load_file(train(world, f"killed-{place}") / "weights.safetensors")
        assert all(torch.equal(whole[name], other[name]) for name in whole)


def test_every_try_begins_anew(world):
    alone = train(world, "alone")
    tried = {**FIRST, "loss": BOTH, "optimizer": FIRST["optimizer"] | {"tries": [{"learning_rate": 1e-3}, {}]}}
    place = train(world, "tries", first=tried)
    same = load_file(place / "first" / "tries" / "1" / "best.safetensors")
    assert all(torch.equal(value, same[name]) for name, value in load_file(alone / "first/best.safetensors").items())


def test_layers_are_spread_evenly_and_end_together():
    assert layers_together([], 2, 6) == [(0, 2), (1, 5)]
    assert layers_together([], 1, 6) == [(0, 5)] and layers_together([], 4, 2) == [(0, 0), (1, 0), (2, 1), (3, 1)]
    assert layers_together([0, 4], 2, 6) == [(1, 3)]


TWO = {"kind": "ensemble", "members": {"text": {"kind": "bi_encoder"}, "ids": {"kind": "item_ids"}}}
STUDENT = {"kind": "transformer", "first": {"loss": {"hidden": 1.0}}}


def named(name):
    return {**STUDENT, "first": {**STUDENT["first"], "tokens": {"of": name}}}


REFUSED = pytest.mark.parametrize(
    ("recipe", "found"),
    [
        ({"teacher": {}, "student": {**STUDENT, "kind": "static"}}, r"first\.loss\.hidden.*kind 'static', which"),
        ({"teacher": {}, "student": {**STUDENT, "kind": "sequential"}}, "kind 'sequential'"),
        ({"teacher": {"kind": "item_ids"}, "student": {**STUDENT, "trunk": "x"}}, r"hidden.*'item_ids', which has"),
        ({"teacher": {"trunk": "v.npz"}, "student": STUDENT}, r"first\.loss\.hidden.*a file of vectors"),
        ({"teacher": TWO, "student": STUDENT}, r"first\.tokens\.of: '', and there are several.*text, ids"),
        ({"teacher": TWO, "student": named("ids")}, "'item_ids', which has no PLM"),
        ({"teacher": {}, "student": named("text")}, r"first\.tokens\.of: 'text', and there is one"),
        ({"student": {**STUDENT, "trunk": "x"}}, "no teacher"),
    ],
)


def test_the_loop_of_the_task_has_no_such_loss_and_says_where_they_are():
    with pytest.raises(RecipeError, match=r"student\.loss\.hidden.*mean student\.first\.loss\.hidden"):
        check({"teacher": {}, "student": {"loss": {"hidden": 1.0}}})


@REFUSED
def test_what_has_no_layers_is_refused_before_anything_runs(recipe, found):
    with pytest.raises(RecipeError, match=found):
        check(recipe)


def test_one_of_several_teachers_may_be_named():
    check({"teacher": TWO, "student": named("text")})


def test_what_does_not_fit_is_refused_before_it_is_trained(world):
    _, _, folder = world
    for name, found, settings in (
        ("heads", r"attention_relation: 5 heads do not divide a width of 32",
         {"loss": BOTH | {"attention_relation_heads": 5}}),
        ("layer", r"relation_layer: 3; expected 1 to 2", {"tokens": {"relation_layer": 3}}),
        ("pairs", r"hidden_layers: \[1, 2\]; expected 1, one for each", {"tokens": {"hidden_layers": [1, 2]}}),
        ("short", r"student\.max_tokens: 4, so that.*expected 32", {"max_tokens": 4}),
        ("prefix", r"student\.prefix: 'red ', so that", {"prefix": "red "}),
    ):  # fmt: skip
        with pytest.raises(RecipeError, match=found):
            train(world, f"refused-{name}", **settings)
        assert not (folder / f"refused-{name}" / "first").exists()
    with pytest.raises(ValidationError, match="neither has a weight"):
        FirstSection.model_validate({"tokens": {"relation_layer": 2}})
    with pytest.raises(ValidationError, match="a loss of item vectors"):
        FirstSection.model_validate({"loss": {"item_cosine": 0.0, "hidden": 1.0}})
    with pytest.raises(ValidationError, match="hidden"):
        student_section("transformer", loss={"hidden": 1.0})


def test_a_first_stage_without_them_is_fingerprinted_as_before():
    plain = decisive(student_section("transformer", first={}), UNTRAINED)
    assert plain["first"].keys() == {"loss", "held_out"}
    assert plain["first"]["loss"].keys() == {"item_cosine", "item_mse"}
