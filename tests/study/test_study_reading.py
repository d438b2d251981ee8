"""Equal seconds and spreads by examples worked out by hand; what a study refuses."""

from __future__ import annotations

from typing import Any

import pytest

from distill_rec.runtime.errors import RecipeError
from distill_rec.study.equal import band, read_at_equal_seconds
from distill_rec.study.plan import folder_name, plan_study, split_tunings, variations_of
from distill_rec.study.records import Budget, Curve, Trained
from distill_rec.study.verdicts import unsteady

TEACHER: dict[str, Any] = {"trunk": "nowhere"}


def trained(curve: Curve, stopped: str = "max_seconds") -> Trained:
    return Trained.model_validate(
        {"seed": 0, "stopped": stopped, "rising": False, "updates": 1, "seconds": curve[-1][0], "process_seconds": 0}
        | {"peak_bytes": 0, "resumed": False, "best": 0, "moved": {}, "trunk_moved": None, "curve": curve}
    )


def test_equal_seconds_are_the_smallest_that_all_reached() -> None:
    first = trained([(0, 0.01), (10, 0.05), (20, 0.04)])
    second = trained([(0, 0.02), (5, 0.03), (30, 0.09)])
    assert read_at_equal_seconds([first, second]) == 20
    assert (first.at_equal_seconds, second.at_equal_seconds) == (0.05, 0.03)


def test_what_ended_at_its_plateau_has_reached_all_later_seconds() -> None:
    short = trained([(0, 0.01), (8, 0.06)], "plateau")
    long = trained([(0, 0.02), (8, 0.03), (30, 0.09)])
    assert read_at_equal_seconds([short, long]) == 30
    assert (short.at_equal_seconds, long.at_equal_seconds) == (0.06, 0.09)
    assert read_at_equal_seconds([]) is None


def test_a_band_goes_as_far_as_all_seeds() -> None:
    at, low, mean, high = band([[(0, 0.0), (10, 1.0)], [(0, 0.0), (20, 0.0)]])
    assert at[-1] == 10
    assert (low[-1], mean[-1], high[-1]) == (0.0, 0.5, 1.0)


def test_a_spread_is_judged_by_its_seeds() -> None:
    # F(2, 2) of a ratio r has the tail 1 / (1 + r)
    assert unsteady(3.0, 1.0, 3, 3) == pytest.approx(1 / (1 + 9))
    assert unsteady(1.0, 1.0, 3, 3) == pytest.approx(1 / 2)
    assert unsteady(1.0, 0.0, 2, 2) == 0


def test_commas_within_a_tuning_do_not_end_it() -> None:
    assert split_tunings("head, lora:2,rank=4,alpha=8,last:1") == ["head", "lora:2,rank=4,alpha=8", "last:1"]


def test_variations_are_crossed_and_named_as_folders_can_be() -> None:
    crossed = variations_of(["data.max_history=5,9", "data.text={a}, {b}|{a}"])
    assert [list(one.values()) for one in crossed] == [["5", "{a}, {b}"], ["5", "{a}"], ["9", "{a}, {b}"], ["9", "{a}"]]
    assert folder_name("last:2 max_history=5") == "last-2+max_history=5"
    odd = {folder_name(f"head text={text}") for text in ("{a}/{b}", "{a}|{b}", "{a}")}
    assert len(odd) == 3 and not any("/" in one or "{" in one for one in odd)


@pytest.mark.parametrize(
    ("recipe", "options", "said"),
    [
        ({"data": {}}, {}, "no \\[teacher\\]"),
        ({"teacher": {"kind": "item_ids"}}, {}, "no PLM to tune|tuning"),
        ({"teacher": [{"name": "a", **TEACHER}, {"name": "b", **TEACHER}]}, {}, "several teachers"),
        ({"teacher": TEACHER | {"choose": [{"dim": 8}]}}, {}, "a study's rows"),
        ({"teacher": TEACHER | {"preference": {"method": "dpo"}}}, {}, "compares tunings alone"),
        ({"teacher": TEACHER | {"optimizer": {"tries": [{"clip": 2.0}]}}}, {}, "same budget"),
        ({"teacher": TEACHER}, {"tunings": ["head", "head"]}, "'head' twice"),
        ({"teacher": TEACHER}, {"tunings": ["heads"]}, "heads"),
        ({"teacher": TEACHER}, {"vary": ["data.max_history=5"]}, "no key with several values"),
        ({"teacher": TEACHER}, {"vary": ["data.histroy=5,6"]}, "histroy"),
        ({"teacher": TEACHER}, {"only_for": ["lora teacher.dim=8"]}, "no row of 'lora'"),
    ],
)
def test_what_cannot_be_studied_is_refused_before_anything_is_trained(
    recipe: dict[str, Any], options: dict[str, Any], said: str
) -> None:
    budget = Budget(unit="max_updates", amount=10, warm_up=0.5)
    with pytest.raises(RecipeError, match=said):
        plan_study(recipe, [], **{"tunings": ["head", "last:1"], "budget": budget, **options})


def test_a_tuning_has_its_own_rate_unless_the_recipe_names_one() -> None:
    budget = Budget(unit="max_updates", amount=10, warm_up=0.5)
    rows = plan_study({"teacher": TEACHER}, [], ["head", "last:1", "patch:1"], budget).rows
    assert [row.trunk_rate for row in rows] == [None, 2e-5, 1e-3]
    given = ["teacher.trunk_optimizer.trunk_learning_rate=5e-5"]
    only = ["patch teacher.trunk_optimizer.trunk_learning_rate=2e-3"]
    rows = plan_study({"teacher": TEACHER}, given, ["last:1", "patch:1"], budget, only_for=only).rows
    assert [row.trunk_rate for row in rows] == [5e-5, 2e-3]
