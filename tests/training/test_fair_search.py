"""Behaviour 12: every column of a comparison gets the same search, by the same rule, on one seed."""

import json

import pytest
from conftest import ROOT

from distill_rec.pipeline.student_sections import twin_of
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
def test_the_demo_has_a_teachers_rate_that_won_and_its_students_the_shortest_schedule_there_was():
    columns = json.loads((RECORDED / "movielens-search.json").read_text())
    recipe = load_recipe("students/static/demo")
    text, clicks = recipe.teacher.parts().values()
    tries = columns["head"]["tries"]
    ended = [one for one in tries if one["changes"].get("decay", "none") == "none"]
    won = max(ended, key=lambda one: one["best"])["changes"]
    assert {key: getattr(text.optimizer, key) for key in won} == won
    falling = [one for one in columns["undistilled"]["tries"] if one["changes"].get("decay") == "linear"]
    won = min(falling, key=lambda one: one["changes"]["max_updates"])["changes"] | {"max_updates": 400}
    assert {key: getattr(recipe.student.optimizer, key) for key in won} == won
    assert clicks.model.optimizer == recipe.student.optimizer and twin_of(recipe) is not None
