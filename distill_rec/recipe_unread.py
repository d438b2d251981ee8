"""Keys of a recipe that nothing would read as the rest of it stands, so that no one waits for what they would change.

Asked of a recipe that somebody wrote, never of one that an earlier command wrote down: a finished run stays readable,
and a search draws each key by itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from distill_rec.losses.checks import used
from distill_rec.losses.registry import losses
from distill_rec.recipe import (
    ModelSection,
    OptimizerSection,
    Recipe,
    StudentSection,
    TrunkTeacherSection,
    UserSection,
)
from distill_rec.runtime.errors import RecipeError

Unread = tuple[str, str, str]
"""Key, what makes it unread, and what to do."""

READS = {
    "user_layers": ("causal", "gru", "auto"),
    "user_heads": ("causal", "nrms", "auto"),
}
"""User encoders that read a key; what auto is depends on the data."""


def refuse_unread(recipe: Recipe, where: str, made: Callable[[], Mapping[str, Any]] = dict) -> None:
    """
    Args:
        made: the recipe, as a mapping, that a run was already made with, by this release or an older one: what stands
            in it alike is let be, because without it the run's finished stages would not be what the recipe asks for.

    Raises:
        RecipeError: for the first key that has another value than its default and that nothing would read.
    """
    unread = list(_unread(recipe))
    now, then = (recipe.model_dump(), made()) if unread else ({}, {})
    for key, found, do in unread:
        if not then or _at(then, key) != _at(now, key):
            raise RecipeError(f"{where}, key {key}", f"given, and {found}, so that nothing reads it", "", do)


def _at(recipe: Mapping[str, Any], key: str) -> Any:
    """The value of a dotted key, as it comes back from JSON; None where there is none. Of several teachers each has
    its name before the key."""
    found: Any = recipe
    for part in key.split("."):
        found = found if isinstance(found, Mapping) else {}
        found = found.get("members", {}).get(part) if "members" in found else found.get(part)
    return json.loads(json.dumps(found, default=str))


def cautions_of(recipe: Recipe) -> list[str]:
    """Of a recipe that is not refused: settings of losses that are off, as one that leaves losses out may have, and of
    the training of a student that is not trained."""
    student = recipe.student
    if student is None or recipe.teacher is None:
        return []
    if student.taught.max_updates == 0:
        of_training = ("loss", "schedule", "mix", "mix_temperature", "adapter", "experts")
        given = [f"student.{key}" for key in of_training if _given(student, key)]
        why = "student.taught.max_updates is 0, so that the student is not trained"
        return [f"{key} is given, and {why}" for key in given]
    on = {spec.name for spec in used(student.largest_loss)}
    return [
        f"student.loss.{key} is given, and the loss that reads it, {name}, has no weight"
        for name, spec in losses().items()
        for key in spec.settings
        if name not in on and _given(student.loss, key)
    ]


def _unread(recipe: Recipe) -> Iterator[Unread]:
    teachers = {} if recipe.teacher is None else recipe.teacher.parts() or {"": recipe.teacher}
    for name, teacher in teachers.items():
        yield from _of_model(teacher, f"teacher.{name}" if name else "teacher")
    if recipe.student is not None:
        yield from _of_model(recipe.student, "student")
        yield from _of_learning(recipe.student, len(teachers))


def _of_model(section: BaseModel, at: str) -> Iterator[Unread]:
    if isinstance(section, UserSection):
        for key, encoders in READS.items():
            if section.user_encoder not in encoders and _given(section, key):
                found = f"{at}.user_encoder is {section.user_encoder!r}"
                yield f"{at}.{key}", found, f"Leave it out; {' and '.join(encoders[:2])} have it."
    if isinstance(section, ModelSection) and not section.offsets:
        for key in ("offset_dropout", "offset_decay", "unclicked_cost"):
            if _given(section, key):
                yield f"{at}.{key}", f"{at}.offsets is false", f"Leave it out, or set {at}.offsets = true."
    if isinstance(section, TrunkTeacherSection) and _given(section, "trunk_precision"):
        from distill_rec.trunks.vectors import is_vector_file  # noqa: PLC0415  (polars)

        if is_vector_file(section.trunk_source()):
            found = f"{at}.trunk is a file of vectors, and no PLM is run"
            yield f"{at}.trunk_precision", found, "Leave it out."
    optimizer = getattr(section, "optimizer", None)
    if not isinstance(optimizer, OptimizerSection) or any(one.drawn_negatives for one in optimizer.each_try()):
        return
    if _given(optimizer, "drawn_by"):
        found = f"{at}.optimizer.drawn_negatives is not, without which nothing is drawn"
        yield f"{at}.optimizer.drawn_by", found, f"Leave it out, or set {at}.optimizer.drawn_negatives."


def _of_learning(student: StudentSection, teachers: int) -> Iterator[Unread]:
    if not teachers:
        for key in ("schedule", "mix", "mix_temperature", "adapter", "experts", "initialised"):
            if _given(student, key):
                yield f"student.{key}", "the recipe has no teacher", "Leave it out, or add a section [teacher]."
    if student.mix == "sum" and _given(student, "mix_temperature"):
        found = "student.mix is 'sum', which weighs no sample"
        yield "student.mix_temperature", found, "Leave it out, or set student.mix to by_loss or another of that kind."
    yield from student.unread()
    yield from _of_schedule(student)
    yield from _of_adapter(student)
    if student.order is not None and student.order.by == "share" and _given(student.order, "gain"):
        yield (
            "student.order.gain",
            "student.order.by is 'share'",
            "Leave it out, or set student.order.by = 'agreement'.",
        )
    if not student.histories.changes:
        for key in ("share", "clicks", "alone"):
            if _given(student.histories, key):
                found = "no way of changing histories has a share"
                yield (
                    f"student.histories.{key}",
                    found,
                    "Set student.histories.swap, walk, drop or mix, or leave it out.",
                )
    elif student.histories.alone and not (teachers and (student.undistilled or student.initialised)):
        found = "beside the student there is to be none that has no teacher"
        yield "student.histories.alone", found, "Leave it out, or set student.undistilled = true."


def _of_schedule(student: StudentSection) -> Iterator[Unread]:
    on = {spec.name for spec in used(student.largest_loss)}
    reader = {key: name for name, spec in losses().items() for key in spec.settings}
    for key in student.schedule:
        if key in losses() and key not in on:
            yield f"student.schedule.{key}", "it stays 0 from start to end", "Leave it out, or let it rise."
        if key in reader and reader[key] not in on:
            do = f"Leave it out, or give student.loss.{reader[key]} a weight."
            yield f"student.schedule.{key}", f"the loss that reads it, {reader[key]}, has no weight", do


def _of_adapter(student: StudentSection) -> Iterator[Unread]:
    sections = [student.largest_loss] + ([] if student.first is None else [student.first.loss])
    mapped = any(spec.vectors and spec.adapter for section in sections for spec in used(section))
    if student.adapter not in ("auto", "none") and not mapped:
        do = "Leave it out, or give a loss of vectors a weight, as student.loss.item_cosine = 1."
        yield "student.adapter", "no loss of vectors has a weight", do
    if student.adapter != "experts" and _given(student, "experts"):
        yield "student.experts", f"student.adapter is {student.adapter!r}", "Leave it out, or set it to 'experts'."


def _given(section: BaseModel, key: str) -> bool:
    """Whether a key has another value than its default."""
    value: Any = getattr(section, key)
    return bool(value != type(section).model_fields[key].get_default(call_default_factory=True))
