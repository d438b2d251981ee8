"""A teacher of kind `student` without a model: the recipe's own student."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from distill_rec.pipeline.student_sections import twin_of
from distill_rec.recipe_io import load_recipe
from distill_rec.runtime.errors import RecipeError
from teachers.student.spec import StudentTeacherSection

STUDENT = {"kind": "static", "dim": 48, "optimizer": {"batch_size": 32}, "loss": {"kl": 1.0, "click": 0.3}}
TWO = [{"name": "text"}, {"name": "clicks", "kind": "student"}]


def recipe(**sections: Any) -> dict[str, Any]:
    return {"name": "own", "data": {"path": "there"}, "teacher": TWO, "student": STUDENT, **sections}


def clicks_of(found: Any) -> StudentTeacherSection:
    section = found.teacher.parts()["clicks"]
    assert isinstance(section, StudentTeacherSection)
    return section


def test_it_is_the_students_twin() -> None:
    found = load_recipe(recipe())
    assert twin_of(found) == Path("clicks/trained")
    assert clicks_of(found).model.dim == 48
    assert clicks_of(found).model.optimizer.batch_size == 32


@pytest.mark.parametrize(
    "change", ["student.dim=32", "student.seed=3", "student.loss.kl=2.0", "student.histories.swap=0.2"]
)
def test_it_follows_what_is_set(change: str) -> None:
    assert twin_of(load_recipe(recipe(), [change])) == Path("clicks/trained")


def test_histories_changed_for_all_are_its_own_too() -> None:
    found = load_recipe(recipe(student=STUDENT | {"histories": {"swap": 0.2, "alone": True}}))
    assert clicks_of(found).model.histories.swap == 0.2
    assert twin_of(found) == Path("clicks/trained")


def test_it_reads_the_plm_that_the_student_reads() -> None:
    found = load_recipe(recipe(teacher=[{"name": "text", "trunk": "org/other"}, TWO[1]]))
    assert clicks_of(found).trunk == "org/other"
    found = load_recipe(recipe(student=STUDENT | {"trunk": "org/small"}))
    assert (clicks_of(found).trunk, twin_of(found)) == ("org/small", Path("clicks/trained"))


def test_one_with_a_model_is_what_that_says() -> None:
    found = load_recipe(recipe(teacher=[TWO[0], TWO[1] | {"model": {"kind": "static", "dim": 16}}]))
    assert clicks_of(found).model.dim == 16
    assert twin_of(found) is None


def test_alone_it_teaches_too() -> None:
    found = load_recipe(recipe(teacher={"kind": "student"}))
    assert twin_of(found) == Path("trained")


def test_its_changes_by_name_stay_on_top() -> None:
    found = load_recipe(recipe(), ["teacher.clicks.seed=7"])
    assert clicks_of(found).seed == 7
    assert twin_of(found) is None


def test_a_wrong_key_of_the_student_is_told_as_the_students() -> None:
    with pytest.raises(RecipeError, match=r"student\.dims"):
        load_recipe(recipe(student=STUDENT | {"dims": 3}))


@pytest.mark.parametrize(
    ("change", "right"),
    [
        ("teacher.dim=8", "teacher.text.dim"),
        ("teacher.optimizer.max_updates=8", "teacher.text.optimizer.max_updates"),
        ("teacher.txt.dim=8", "teacher.text.dim"),
    ],
)
def test_a_key_without_the_teachers_name_is_answered_with_it(change: str, right: str) -> None:
    with pytest.raises(RecipeError, match=rf"Write the name before the key, as {re.escape(right)}\."):
        load_recipe(recipe(), [change])
