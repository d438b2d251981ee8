"""A study of a recipe with several teachers: of the one with a PLM to tune."""

from __future__ import annotations

import pytest

from distill_rec.runtime.errors import RecipeError
from distill_rec.study.plan import Plan, plan_study
from distill_rec.study.records import Budget
from teachers.bi_encoder.spec import BiEncoderSection

CLICKS = {"name": "clicks", "kind": "student"}


def planned(*teachers: dict[str, object], vary: tuple[str, ...] = ()) -> Plan:
    recipe = {"name": "study", "data": {"path": "there"}, "teacher": list(teachers), "student": {}}
    return plan_study(recipe, [], ["head", "lora:2"], Budget(unit="max_updates", amount=8, warm_up=0.5), vary=vary)


def test_the_one_with_a_plm_is_studied_alone() -> None:
    plan = planned({"name": "text", "dim": 48}, CLICKS, vary=("teacher.text.dim=16,32",))
    sections = [row.teacher for row in plan.rows]
    assert all(isinstance(one, BiEncoderSection) for one in sections)
    assert [(one.tuning, one.dim) for one in sections] == [("head", 16), ("lora:2", 16), ("head", 32), ("lora:2", 32)]  # type: ignore[attr-defined]
    assert isinstance(plan.recipe.teacher, BiEncoderSection)
    assert plan.recipe.teacher.dim == 48


def test_two_with_a_plm_are_refused_and_named() -> None:
    with pytest.raises(RecipeError, match=r"several teachers \(text, other\)"):
        planned({"name": "text"}, {"name": "other"})


def test_none_with_a_plm_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"several teachers \(clicks, ids\)"):
        planned(CLICKS, {"name": "ids", "kind": "item_ids"})
