"""What is drawn: spaces as recipes write them, draws that a number decides, fronts and choices worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from distill_rec.recipe_io import load_recipe
from distill_rec.recipe_toml import toml_text
from distill_rec.runtime.errors import RecipeError
from distill_rec.search.draw import Told, draw
from distill_rec.search.front import Figures, choose, fits, front_of, kept_of
from distill_rec.search.records import Budget
from distill_rec.search.space import own_place, space_of, trial_recipe
from distill_rec.search.words import student_in_words
from distill_rec.sections.search import Choice, Dimension, dimensions_of

SPACE: dict[str, Any] = {
    "dim": [16, 32],
    "kind": ["static", "transformer"],
    "table_dim": [8, 16],
    "layers": [1, 2],
    "loss": {"kl": [0.0, 1.0]},
    "optimizer": {"learning_rate": {"low": 1e-3, "high": 1e-2, "log": True}},
}


def recipe(space: Mapping[str, Any]) -> Any:
    return load_recipe("students/static", {"search.space": space})


def test_the_kind_is_drawn_first_and_only_its_own_keys_are() -> None:
    space = space_of(recipe(SPACE))
    assert next(iter(space)) == "kind" and set(space) >= {"loss.kl", "optimizer.learning_rate"}
    drawn: list[dict[str, Any]] = []
    for number in range(12):
        told = [Told(one, (0.1, 2.0, 3.0), {"megabytes": 0.5}) for one in drawn]
        again = [draw(space, "static", told, number, 0, drawn, lambda one: "")[0] for _ in range(2)]
        assert again[0] == again[1] is not None and again[0] not in drawn
        drawn.append(again[0])
    for one in drawn:
        assert ("table_dim" in one) == (one["kind"] == "static") and ("layers" in one) == (one["kind"] == "transformer")
        student = trial_recipe(recipe(SPACE), one).student
        assert student is not None and (student.kind, student.dim) == (one["kind"], one["dim"])
        assert student.optimizer.batch_size == 64  # the recipe's


def test_layers_are_drawn_by_number_or_as_lists_and_sub_words_beside_them(tmp_path: Path) -> None:
    layers, words, path = [1, [0, 5], "every_other"], ["all", "catalogue"], tmp_path / "best.toml"
    base = load_recipe("students/transformer", {"search.space": {"layers": layers, "sub_words": words}})
    space, drawn = space_of(base), list[dict[str, Any]]()
    while (found := draw(space, "transformer", [], len(drawn), 0, drawn, lambda one: "")[0]) is not None:
        drawn.append(found)
        recipe = trial_recipe(base, found)
        assert recipe.student is not None and recipe.student.model_dump()["layers"] == found["layers"]
        path.write_text(toml_text(recipe, tmp_path, student_in_words(found, {})), "utf-8")
        assert load_recipe(path).model_dump() == recipe.model_dump()
    assert len(drawn) == 6 and student_in_words({"layers": [0, 5]}, {}) == "layers [0, 5]"
    assert own_place(space, base.student) == {"layers": 1, "sub_words": "all"}


def test_a_space_that_has_no_more_ends_and_draws_that_make_no_recipe_are_left_out() -> None:
    space: dict[str, Dimension] = {"dim": Choice([16, 32]), "nested": Choice([[], [16]])}
    drawn: list[dict[str, Any]] = []

    def refused(one: Mapping[str, Any]) -> str:
        return "too wide" if one["nested"] == [16] and one["dim"] == 16 else ""

    while (found := draw(space, "static", [], len(drawn), 0, drawn, refused))[0] is not None:
        drawn.append(found[0])
    assert sorted((one["dim"], one["nested"]) for one in drawn) == [(16, []), (32, []), (32, [16])]


def test_the_recipe_s_own_student_has_its_place_where_the_space_holds_it() -> None:
    student = recipe({}).student
    choices = [{"kl": 1.0, "click": 0.5}, {"kl": 0.0}]
    held = dimensions_of({"dim": [32, 64], "loss": choices, "dropout": {"low": 0.0, "high": 0.5}})
    assert own_place(held, student) == {"dim": 64, "loss": choices[0], "dropout": 0.3}
    assert own_place(dimensions_of({"dim": [16, 32]}), student) is None


@pytest.mark.parametrize(
    ("space", "told"),
    [
        ({"dims": [16, 32]}, "Did you mean dim?"),
        ({"loss": [{"kll": 1.0}]}, "search.space.loss.kll"),
        ({"dim": 16}, "dim is a list of values or"),
        ({"dim": {"low": 32, "high": 16}}, "low is less than high"),
        ({"seed": [1, 2]}, "does not vary"),
        ({"kind": ["static", "sttic"]}, "one of sequential, static, transformer"),
        ({"layers": [1, 2]}, "no key of [student]"),
    ],
)
def test_a_wrong_space_is_refused_by_its_key(space: dict[str, Any], told: str) -> None:
    with pytest.raises(RecipeError) as found:
        space_of(recipe(space))
    assert told in str(found.value)


def test_a_trial_as_toml_is_the_same_recipe(tmp_path: Path) -> None:
    path = tmp_path / "best.toml"
    for name in ("students/static/demo", "students/ids_and_text", "teachers/dpo"):
        base = load_recipe(name)
        path.write_text(toml_text(base, tmp_path, "a note"), "utf-8")
        assert load_recipe(path).model_dump() == base.model_dump()


A, B, C, D = (
    Figures(0.10, 4.0, 0.030, 1.00),
    Figures(0.09, 2.0, 0.031, 0.90),
    Figures(0.08, 3.0, 0.0305, 0.80),
    Figures(0.07, 2.0, 0.020, 0.70),
)
"""C is larger and worse than B, and quicker only by noise; D is worse than B, as small, and clearly quicker."""


def test_the_front_and_the_choice_by_hand() -> None:
    points = [A, B, C, D]
    assert front_of(points) == [True, True, False, True]
    assert choose(points, Budget()) == 0
    assert choose(points, Budget(within=0.1)) == 1
    assert choose(points, Budget(within=0.2, milliseconds=0.0306)) == 2
    assert choose(points, Budget(megabytes=1.0)) is None
    assert fits(B, Budget(megabytes=2.0)) and not fits(A, Budget(megabytes=2.0))
    assert kept_of(0.6, 0.7, 0.5) == pytest.approx(0.5) and kept_of(0.6, None, 0.0) is None


def test_a_trial_may_have_losses_of_token_states() -> None:
    asked = load_recipe("students/transformer", {"search.space": {"first.loss.hidden": [0.0, 1.0]}})
    assert space_of(asked) == {"first.loss.hidden": Choice([0.0, 1.0])}
    student = trial_recipe(asked, {"first.loss.hidden": 1.0}).student
    assert student is not None and student.first is not None and len(student.first.token_losses) == 1
    of_table = load_recipe("students/static", {"search.space": {"first.loss.hidden": [1.0]}})
    with pytest.raises(RecipeError, match="kind 'static', which has no layers"):
        trial_recipe(of_table, {"first.loss.hidden": 1.0})
