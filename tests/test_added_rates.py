"""Weights that a tuning adds learn at a rate of their own where a recipe says none."""

from __future__ import annotations

from typing import Any

import pytest

from distill_rec.recipe_io import load_recipe

DATA = {"format": "recbole", "path": "somewhere"}


def teacher_of(**teacher: Any) -> Any:
    loaded = load_recipe({"data": DATA, "teacher": {"trunk": "somewhere", **teacher}})
    return loaded.teacher


@pytest.mark.parametrize(
    ("tuning", "rate"),
    [
        ("lora:2", 1e-3),
        ("patch", 1e-3),
        ("dora:1", 1e-3),
        ("ia3", 1e-2),
        ("last:2", 2e-5),
        ("full", 2e-5),
        ("head", 2e-5),
    ],
)
def test_each_tuning_has_its_own_where_the_recipe_says_none(tuning: str, rate: float) -> None:
    found = teacher_of(tuning=tuning)
    assert found.optimizer.trunk_learning_rate == rate
    assert found.optimizer.batch_size == teacher_of().optimizer.batch_size


def test_what_is_given_stays_and_the_trunks_own_optimizer_is_the_one_that_gets_it() -> None:
    assert teacher_of(tuning="lora:2", optimizer={"trunk_learning_rate": 3e-5}).optimizer.trunk_learning_rate == 3e-5
    found = teacher_of(tuning="lora:2", optimizer={"window": 2}, trunk_optimizer={"window": 8})
    assert (found.optimizer.trunk_learning_rate, found.trunk_optimizer.trunk_learning_rate) == (2e-5, 1e-3)
    assert (found.optimizer.window, found.trunk_optimizer.window) == (2, 8)


def test_variants_and_several_teachers_have_theirs() -> None:
    variants = [
        {"tuning": "last:2"},
        {"tuning": "lora:2"},
        {"tuning": "ia3", "optimizer": {"trunk_learning_rate": 0.1}},
    ]
    found = teacher_of(optimizer={"window": 2}, choose=variants)
    rates = [one["optimizer"]["trunk_learning_rate"] for one in found.choose[1:]]
    assert rates == [1e-3, 0.1] and "optimizer" not in found.choose[0]
    assert found.choose[1]["optimizer"]["window"] == 2
    each = [{"name": name, "trunk": "somewhere", "tuning": name} for name in ("lora", "full")]
    members = load_recipe({"data": DATA, "teacher": each}).teacher
    assert members is not None
    assert [one.optimizer.trunk_learning_rate for one in members.parts().values()] == [1e-3, 2e-5]  # type: ignore[attr-defined]


def test_a_kind_with_an_optimizer_of_its_own_keeps_it() -> None:
    plain, tuned = (teacher_of(kind="cross_encoder", tuning=tuning).optimizer for tuning in ("full", "lora"))
    assert tuned == plain.model_copy(update={"trunk_learning_rate": 1e-3})
