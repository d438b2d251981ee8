import subprocess
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint

import pytest
from pydantic import Field

from distill_rec.losses.active import active_losses
from distill_rec.losses.checks import refuse_kind, refuse_signals
from distill_rec.losses.registry import BUILT_IN, GROUP, every_loss, joined, losses
from distill_rec.losses.section import loss_section, unused_keys
from distill_rec.losses.spec import ALL_SUPPLIED, ITEM_VECTORS, SCORES, LossSpec
from distill_rec.recipe import LossSection, Section, StudentSection
from distill_rec.recipe_io import load_recipe
from distill_rec.runtime.errors import RecipeError

HUBER = LossSpec(
    "huber",
    "Huber's loss between item vectors",
    frozenset({ITEM_VECTORS}),
    settings={"huber_beta": (float, Field(1.0, gt=0, description="where the square ends"))},
    vectors="torch.nn.functional:smooth_l1_loss",
)
ONLY_SHOWN = LossSpec("pairs", "of shown candidates", frozenset({SCORES}), impressions=f"{__name__}:pairs")
CLASHES = replace(HUBER, name="temperature", settings={})
STRAYS = replace(HUBER, settings={"beta": HUBER.settings["huber_beta"]})
EMPTY = LossSpec("empty", "no function", frozenset({SCORES}))
BOTH = LossSpec("both", "scores by vectors", frozenset({SCORES}), vectors="a:b")


def point(value):
    return EntryPoint("mine", value, GROUP)


def test_a_recipe_knows_every_loss_without_torch():
    code = "import sys, distill_rec.recipe as r; assert 'listwise' in r.LossSection.model_fields; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "polars"} & set(loaded)


def test_every_loss_has_a_key_and_later_ones_are_off():
    fields = LossSection.model_fields
    assert list(fields)[:7] == ["kl", "temperature", "click", "item_cosine", "item_mse", "user_cosine", "user_mse"]
    for spec in losses().values():
        assert fields[spec.name].description == spec.description and set(spec.settings) <= set(fields)
    assert [one.spec.name for one in active_losses(LossSection())] == ["click", "item_cosine", "user_cosine", "kl"]


def test_a_later_loss_is_recorded_only_where_it_is_used():
    before = {"kl", "temperature", "click", "item_cosine", "item_mse", "user_cosine", "user_mse"}
    assert set(StudentSection().model_dump()["loss"]) == before
    used = LossSection(listwise=0.5)
    assert set(used.model_dump()) == before | {"listwise"}
    assert "listwise" not in unused_keys(used) and "student.loss.bce" in unused_keys(used, "student.loss.")
    assert LossSection.model_validate(used.model_dump()) == used


def test_a_loss_of_another_package_is_one_more_key_of_weight_zero():
    found = joined(BUILT_IN, [point(f"{__name__}:HUBER")])
    assert list(found)[:-1] == [spec.name for spec in BUILT_IN]
    section = loss_section(Section, found)
    assert section().huber == 0 and section().huber_beta == 1.0
    assert section.model_fields["huber_beta"].description == "where the square ends"
    assert found["huber"].arguments({"huber_beta": 2.0}) == {"beta": 2.0}
    assert not unused_keys(section(huber=1)) & {"huber"} and "huber" in unused_keys(section())


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("no_such_module:X", "ModuleNotFoundError"),
        ("math:pi", "a float"),
        (f"{__name__}:CLASHES", "student.loss.temperature, which is taken"),
        (f"{__name__}:STRAYS", "the key beta"),
        (f"{__name__}:EMPTY", "no function"),
        (f"{__name__}:BOTH", "with `vectors`"),
    ],
)
def test_a_broken_loss_of_another_package_is_named(value, found):
    with pytest.raises(RecipeError, match=found) as caught:
        joined(BUILT_IN, [point(value)])
    assert "entry point mine" in caught.value.where and value in caught.value.where


def test_a_signal_that_the_teacher_does_not_supply_is_refused_by_key():
    refuse_signals(LossSection(), ALL_SUPPLIED)
    refuse_signals(LossSection(user_cosine=0, kl=0), frozenset({ITEM_VECTORS}))
    with pytest.raises(RecipeError, match=r"student\.loss\.user_cosine: needs user vectors"):
        refuse_signals(LossSection(), frozenset({SCORES, ITEM_VECTORS}))


def test_a_loss_without_a_form_for_the_data_is_refused_by_key(monkeypatch):
    monkeypatch.setitem(every_loss(), "pairs", ONLY_SHOWN)
    section = loss_section(Section, losses())
    refuse_kind(section(pairs=1), "impressions")
    refuse_kind(section(), "clicks")
    with pytest.raises(RecipeError, match=r"student\.loss\.pairs: a loss on clicks; expected data of impressions"):
        refuse_kind(section(pairs=1), "clicks")


@pytest.mark.parametrize(("data", "refused"), [({"format": "mind"}, False), ({}, True)])
def test_a_recipe_is_refused_for_its_data_before_anything_runs(data, refused, monkeypatch):
    monkeypatch.setitem(every_loss(), "kl", replace(losses()["kl"], catalogue=""))
    recipe = {"data": data, "teacher": {}, "student": {}}
    if not refused:
        load_recipe(recipe)
        return
    with pytest.raises(RecipeError, match=r"student\.loss\.kl"):
        load_recipe(recipe)
