"""What makes a recipe a wrong one, and what of it does not go together, by the name of the key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from distill_rec.contracts import (
    learner_of,
    refuse_without_layers,
    supplies_of,
    teacher_read,
    trunk_opener_of,
    tuning_of,
)
from distill_rec.kinds import without_other_kinds
from distill_rec.losses.checks import refuse_kind, refuse_signals
from distill_rec.losses.spec import ITEM_VECTORS, USER_VECTORS, Kind
from distill_rec.recipe import MERGED, DataSection, Recipe, StudentSection, TeacherSection
from distill_rec.recipe_errors import recipe_error
from distill_rec.recipe_merge import Settings, merge
from distill_rec.runtime.errors import RecipeError


def check(settings: Settings, where: str = "recipe") -> Recipe:
    """Validate sections, the teacher's variants included, and that each loss has a form for the data.

    Raises:
        RecipeError: for the first fault.
    """
    recipe = _checked(settings, where)
    for teacher in teachers_of(settings):
        base = {key: value for key, value in teacher.items() if key != "choose"}
        for variant in teacher.get("choose", []):
            _checked({"teacher": merge(base, variant)}, where)
    if recipe.teacher is not None and recipe.student is not None:
        refuse_kind(recipe.student.largest_loss, kind_of(recipe.data))
        refuse_signals(recipe.student.largest_loss, supplies_of(recipe.teacher))
        if recipe.student.first is not None:
            refuse_signals(recipe.student.first.loss, supplies_of(recipe.teacher), "student.first.loss")
            _refuse_tokens(recipe.student, recipe.teacher, where)
        if recipe.student.joint is not None:
            _refuse_joint(recipe.student.joint.tuning, recipe.teacher, where)
        _refuse_start(recipe.student, recipe.teacher, where)
        if recipe.student.mix != "sum" and not recipe.teacher.parts():
            found = f"{recipe.student.mix!r}, and the recipe has one teacher"
            raise RecipeError(f"{where}, key student.mix", found, "sum, or several teachers as [[teacher]]")
        if recipe.student.order is not None and not any(_trajectories(settings)):
            found = "set, and no teacher keeps a state from its way"
            do = "Name some updates, as trajectory = [40, 80, 160], of a teacher of kind bi_encoder or item_ids."
            raise RecipeError(f"{where}, section student.order", found, "a teacher with a key trajectory", do)
    _refuse_transitions(recipe, where)
    if recipe.teacher is None and recipe.student is not None:
        without = {
            "first": "a first stage of distillation",
            "order": "an order of what teachers knew",
            "joint": "a training with the teacher",
        }
        for key, found in without.items():
            if getattr(recipe.student, key) is not None:
                found = f"{found}, and the recipe has no teacher"
                raise RecipeError(f"{where}, section student.{key}", found, "a section [teacher]", "Or leave it out.")
    return recipe


def teachers_of(settings: Mapping[str, Any]) -> list[Settings]:
    """The sections of a recipe's teachers: of the one, or of each of several; none where it has none."""
    teacher = settings.get("teacher") or {}
    members = teacher.get("members") if isinstance(teacher, Mapping) else None
    found = list(members.values()) if isinstance(members, Mapping) else [teacher]
    return [one for one in found if isinstance(one, Mapping)]  # type: ignore[misc]


def _trajectories(settings: Mapping[str, Any]) -> list[Any]:
    """Those that teachers or their variants name."""
    teachers = teachers_of(settings)
    return [one.get("trajectory") for teacher in teachers for one in (teacher, *teacher.get("choose", []))]


def _refuse_transitions(recipe: Recipe, where: str) -> None:
    """Refuse a transition term of data that are no log of clicks."""
    if recipe.student is None or recipe.student.transition_term == "none" or kind_of(recipe.data) != "impressions":
        return
    found = f"{recipe.student.transition_term!r}, and the data are read as impressions, which have no order of clicks"
    raise RecipeError(f"{where}, key student.transition_term", found, "none, or data that are a log of clicks")


def _refuse_joint(tuning: str, teacher: TeacherSection, where: str) -> None:
    """Refuse a teacher that cannot learn beside the student, and a tuning that there is not."""
    learner_of(teacher.kind)
    try:
        tuning_of(tuning) if tuning else None
    except ValueError as error:
        raise RecipeError(f"{where}, key student.joint.tuning", f"{tuning!r}: {error}", "a tuning as last:2") from None


def _refuse_tokens(student: StudentSection, teacher: TeacherSection, where: str) -> None:
    """Refuse losses of token states where student or teacher runs no PLM, or where it is not said which teacher."""
    assert student.first is not None
    if not student.first.token_losses:
        return
    key, parts = f"student.first.loss.{student.first.token_losses[0].name}", teacher.parts()
    refuse_without_layers(student.kind, key)
    name = teacher_read(student.first.tokens.of, parts)
    one = parts[name] if name else teacher
    trunk_opener_of(one.kind, key)
    from distill_rec.trunks.vectors import is_vector_file  # noqa: PLC0415  (polars)

    if is_vector_file(one.trunk_source()):
        found = "a teacher whose trunk is a file of vectors, which has no layers"
        raise RecipeError(f"{where}, key {key}", found, "a trunk that is a model", f"Set {key} = 0 to leave it out.")


def _refuse_start(student: StudentSection, teacher: TeacherSection, where: str) -> None:
    """Refuse a start that is no teacher's, and a column that would differ by nothing from the undistilled one's."""
    names, start = teacher.parts(), student.start
    expected = " or ".join(["auto", "none", MERGED, *names])
    if start not in ("auto", "none", MERGED, *names):
        raise RecipeError(f"{where}, key student.start", f"{start!r}", expected)
    if start == MERGED:
        _refuse_merged(student, teacher, where)
    if student.initialised and (start == "none" or (names and start == "auto")):
        found = f"true, and student.start = {start!r} starts from no teacher"
        do = f"Name one of several teachers with student.start ({', '.join(names)})." if names else "Set it to false."
        raise RecipeError(f"{where}, key student.initialised", found, "a start from a teacher", do)
    if student.initialised and ITEM_VECTORS not in supplies_of(teacher):
        found = "true, and the teacher hands over scores alone, which no student can start from"
        raise RecipeError(f"{where}, key student.initialised", found, "a teacher of vectors", "Set it to false.")


def _refuse_merged(student: StudentSection, teacher: TeacherSection, where: str) -> None:
    """Refuse what a start from all teachers together cannot be, and what would undo it before it is used."""
    place, start = f"{where}, key student.start", f"{MERGED!r}, "
    if not {ITEM_VECTORS, USER_VECTORS} <= supplies_of(teacher):
        expected = "teachers of item and user vectors"
        raise RecipeError(place, f"{start}and a teacher hands over scores alone", expected, "Set it to 'none'.")
    for name in ("first", "joint", "order"):
        if getattr(student, name) is not None:
            found = f"{start}and section student.{name}, for students that begin with less than their teachers know"
            raise RecipeError(
                place, found, "one of the two", f"Leave student.{name} out, or set student.start = 'none'."
            )


def recorded(settings: Settings, where: str) -> Recipe:
    """A recipe that an earlier command wrote down, of this release or an older one.

    Raises:
        RecipeError: it holds a key or value that this release does not know.
    """
    return check(without_other_kinds(settings), where)


def _checked(settings: Settings, where: str) -> Recipe:
    try:
        return Recipe.model_validate(settings)
    except ValidationError as error:
        raise recipe_error(error, where, settings) from None


def kind_of(section: DataSection) -> Kind:
    """What the data is read as; MIND's behaviours are impressions whatever `read_as` says."""
    return "impressions" if section.format == "mind" else section.read_as
