"""Recipes: layers, shelf names, paths, and errors that name the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from distill_rec.recipe_io import find_recipe, load_recipe, shelf_names
from distill_rec.runtime.errors import RecipeError


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize("name", shelf_names())
def test_every_recipe_on_the_shelves_is_valid(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.evaluate is not None
    assert (find_recipe(name).parent / "card.md").exists()


def test_a_shelf_name_is_never_looked_up_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "students/static/recipe.toml", 'name = "mine"')
    write(tmp_path / "students/own/recipe.toml", 'name = "own"')
    monkeypatch.chdir(tmp_path)
    assert load_recipe("students/static").name == "static"
    with pytest.raises(RecipeError, match=r"not on the shelves.*\./students/own"):
        load_recipe("students/own")
    assert load_recipe("./students/own").name == "own"


def test_extends_and_set_lie_on_top_of_each_other(tmp_path: Path) -> None:
    write(tmp_path / "base.toml", "[teacher]\ndim = 8\n[teacher.optimizer]\nwindow = 2\nbatch_size = 3")
    path = write(tmp_path / "mine.toml", 'extends = "base.toml"\n[teacher.optimizer]\nbatch_size = 5')
    teacher = load_recipe(path, ["teacher.dim=16", "teacher.tuning=last:2", "teacher.offsets=false"]).teacher
    assert teacher is not None
    assert (teacher.dim, teacher.tuning, teacher.offsets) == (16, "last:2", False)
    assert (teacher.optimizer.window, teacher.optimizer.batch_size) == (2, 5)


def test_a_recipe_that_extends_itself_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.toml", 'extends = "b.toml"')
    write(tmp_path / "b.toml", 'extends = "a.toml"')
    with pytest.raises(RecipeError, match="extends itself"):
        load_recipe(path)


def test_paths_are_relative_to_the_recipe_and_in_set_to_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "recipes/model").mkdir(parents=True)
    path = write(tmp_path / "recipes/r.toml", '[data]\npath = "clicks"\n[teacher]\ntrunk = "model"')
    monkeypatch.chdir(tmp_path)
    recipe = load_recipe(path)
    assert recipe.teacher is not None
    assert recipe.data.path == str(tmp_path / "recipes/clicks")
    assert recipe.teacher.trunk == str(tmp_path / "recipes/model")
    assert load_recipe(path, ["data.path=clicks"]).data.path == str(tmp_path / "clicks")


def test_hub_ids_and_demo_values_are_no_paths(tmp_path: Path) -> None:
    path = write(tmp_path / "r.toml", '[data]\npath = "demo:movielens-100k"\n[teacher]\ntrunk = "owner/name"')
    recipe = load_recipe(path)
    assert recipe.teacher is not None
    assert (recipe.data.path, recipe.teacher.trunk) == ("demo:movielens-100k", "owner/name")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[teacher]\ndimm = 3", r"unknown key teacher\.dimm.*Did you mean teacher\.dim\? \(dimensions of item"),
        ("[teacher]\nbatch_size = 3", r"Did you mean teacher\.optimizer\.batch_size\?"),
        ("[techer]\ndim = 3", r"unknown key techer.*Did you mean teacher\?"),
        ("[teacher]\ntuning = 'some'", r"key teacher\.tuning: 'some'.*head, last:k, or full"),
        ("[data]\nmax_refused = 3", r"key data\.max_refused: 3.*less than or equal to 1.*share of refused rows"),
        ("[teacher]\nchoose = [{ tunin = 'head' }]", r"unknown key teacher\.tunin.*teacher\.tuning"),
        ("[teacher\ndim = 3", r"expected a TOML file"),
    ],
)
def test_errors_name_the_key_and_the_nearest_right_one(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe(write(tmp_path / "r.toml", text))


def test_a_change_without_a_value_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"--set teacher\.dim: no key=value"):
        load_recipe("students/static", ["teacher.dim"])
