"""Keys of a recipe that depend on a kind, and what is installed of each."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from conftest import ROOT
from test_layers import HEAVY, python

from distill_rec import contracts
from distill_rec.kinds import every_settings
from distill_rec.recipe import Recipe
from distill_rec.recipe_check import recorded
from distill_rec.recipe_errors import describe
from distill_rec.recipe_io import load_recipe
from distill_rec.registry import STUDENTS, TEACHERS, TUNINGS, every
from distill_rec.runtime.errors import RecipeError


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"student": {"layers": 2}}, r"student\.layers is a key of kind 'transformer', and this student is 'static'"),
        ({"student": {"kind": "transformer", "table_dim": 8}}, r"student\.table_dim is a key of kind 'static'.*Leave"),
        ({"teacher": {"kind": "item_ids", "trunk": "x"}}, r"teacher\.trunk .*kind 'bi_encoder'.*teacher is 'item_ids'"),
        ({"teacher": {"kind": "item_ids", "tunning": "x"}}, r"unknown key teacher\.tunning"),
        (
            {"teacher": {"kind": "oracle"}},
            r"key teacher\.kind: 'oracle'.*bi_encoder, cross_encoder, item_ids.*install the package",
        ),
        ({"teacher": {"choose": [{"kind": "item_ids", "trunk": "x"}]}}, r"trunk is a key of kind 'bi_encoder'"),
    ],
)
def test_a_key_of_another_kind_is_refused_with_the_kind_that_has_it(recipe: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe(recipe)


def test_a_recorded_recipe_loses_keys_of_other_kinds_and_keeps_the_rest() -> None:
    """As releases with one model for all kinds wrote it."""
    dump = {"student": {"kind": "static", "table_dim": 16, "layers": 1, "trunk": "x"}}
    student = recorded(dump, "recipe.json").student
    assert student is not None
    assert student.model_dump()["table_dim"] == 16 and "layers" not in student.model_dump()
    with pytest.raises(RecipeError, match=r"unknown key student\.depth"):
        recorded({"student": {"depth": 1}}, "recipe.json")


def test_a_recipe_written_down_and_read_is_the_same() -> None:
    recipe = load_recipe({"teacher": {"kind": "item_ids", "dim": 8}, "student": {"kind": "transformer", "layers": 2}})
    again = recorded(recipe.model_dump(), "recipe.json")
    assert again == recipe and type(again.student) is type(recipe.student)


def test_every_key_of_every_kind_is_described_and_says_whose_it_is() -> None:
    told = {key: text for key, text, _ in describe(Recipe)}
    for section in ("teacher", "student"):
        for model in every_settings(section).values():
            assert {f"{section}.{name}" for name in model.model_fields} <= told.keys()
    assert told["student.layers"].startswith("transformer: ")
    assert told["teacher.tuning"].startswith("bi_encoder, cross_encoder: ")
    assert told["student.kind"].startswith("static (sub-word table) or sequential (")
    assert told["teacher.seed"] == "initial weights, order of the data, dropout"
    assert told["teacher.dim"] == "bi_encoder, item_ids, precomputed: dimensions of item and user vectors"


def test_specs_say_what_they_are_and_load_nothing_heavy(tmp_path: Path) -> None:
    for group in (TEACHERS, STUDENTS):
        assert all(spec.kind == kind and spec.help for kind, spec in every(group).items())
    assert all(spec.name == name and spec.form.startswith(name) for name, spec in every(TUNINGS).items())
    code = (
        "import sys\nfrom distill_rec.recipe_io import load_recipe\nfrom distill_rec.registry import *\n"
        "from distill_rec.recipe_errors import descriptions\nfrom distill_rec.cli.write_recipe import recipe_text\n"
        "load_recipe('students/transformer'); descriptions(); every(TEACHERS), every(STUDENTS), every(TUNINGS)\n"
        f"print([name for name in {HEAVY} if name in sys.modules and name != 'polars'])"
    )
    done = python(code, tmp_path)
    assert done.stdout.strip() == "[]", done.stderr


def test_a_foreign_package_of_that_name_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "teachers").mkdir()
    (tmp_path / "teachers" / "__init__.py").write_text("raise ImportError('not ours')")
    code = (
        f"import sys; sys.path.remove({str(ROOT)!r}); sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]\n"
        "from distill_rec.recipe_io import load_recipe\n"
        "from distill_rec.runtime.errors import RecipeError\n"
        "try:\n    load_recipe({'teacher': {}})\nexcept RecipeError as error:\n    print(error)"
    )
    done = python(code, tmp_path)
    for told in ("package 'teachers'", str(tmp_path / "teachers" / "__init__.py"), str(ROOT / "teachers"), "Rename it"):
        assert told in done.stdout, done.stdout + done.stderr


def test_a_loss_that_no_teacher_can_serve_is_refused_before_training(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = dataclasses.replace(contracts.teacher_spec("item_ids"), supplies=frozenset({"scores"}))
    monkeypatch.setattr(contracts, "teacher_spec", lambda kind: spec)
    with pytest.raises(RecipeError, match=r"student\.loss\.item_cosine.*item vectors"):
        load_recipe({"teacher": {"kind": "item_ids"}, "student": {"trunk": "here"}})
