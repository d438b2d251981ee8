"""Behaviour 12: every column of a comparison gets the same search, by the same rule, on one seed."""

import json

import pytest
from conftest import ROOT

from distill_rec.recipe_io import load_recipe

RECORDED = ROOT / "benchmarks" / "recorded"
MOST_TRIES = 4
OWN_TRIES = {"last-2"}
"""Tunes a trunk from the head that won: its tries are of the trunk's rates."""


@pytest.mark.skipif(not RECORDED.exists(), reason="a source distribution has no benchmarks")
@pytest.mark.parametrize("name", ["movielens", "mind"])
def test_the_recorded_columns_had_the_same_tries(name):
    columns = json.loads((RECORDED / f"{name}-search.json").read_text())
    tried = {column: [one["changes"] for one in found["tries"]] for column, found in columns.items()}
    assert {"head", "student", "undistilled"} <= set(tried)
    shared = [changes for column, changes in tried.items() if column not in OWN_TRIES]
    assert all(changes == shared[0] for changes in shared) and len(shared[0]) <= MOST_TRIES
    for column, found in columns.items():
        assert len(tried[column]) <= MOST_TRIES
        values = [one["best"] for one in found["tries"]]
        assert found["chosen_try"] == values.index(max(values)) and found["best"] == max(values)


@pytest.mark.skipif(not RECORDED.exists(), reason="a source distribution has no benchmarks")
def test_the_demo_has_the_settings_that_won_and_its_columns_share_rule_and_floor():
    columns = json.loads((RECORDED / "movielens-search.json").read_text())
    recipe = load_recipe("students/static/demo")
    for section, sharing in ((recipe.teacher, ("head",)), (recipe.student, ("student", "undistilled"))):
        tries = [columns[column]["tries"] for column in sharing]
        ended = [number for number, one in enumerate(tries[0]) if one["changes"].get("decay", "none") == "none"]
        won = tries[0][max(ended, key=lambda number: sum(column[number]["best"] for column in tries))]["changes"]
        assert {key: getattr(section.optimizer, key) for key in won} == won, sharing
    both = [
        one.optimizer.model_dump(exclude={"learning_rate", "batch_size"}) for one in (recipe.teacher, recipe.student)
    ]
    assert both[0] == both[1] and recipe.student.undistilled
