"""A teacher of kind `student` that names no `model` is the recipe's own student, trained on clicks alone.

It is trained once, and is the report's undistilled student too. Beside a teacher that reads texts it costs no further
training, and the sum of the two knew more than either wherever it was measured (docs/several-teachers.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from distill_rec.kinds import validated
from distill_rec.recipe import AFTERWARDS, OF_DISTILLING

Settings = dict[str, Any]

KIND = "student"
OF_TEACHER = ("trunk", "seed", "device")
"""Keys of the student's that the teacher's section has itself."""
APART = {*OF_DISTILLING, *AFTERWARDS, *OF_TEACHER, "begin", "histories"}


def with_own_student(settings: Settings) -> Settings:
    """A recipe's settings, each such teacher with the student's keys that decide a training on clicks alone.

    Where the recipe has no section `student`, the teacher is left as it is: of its kind's defaults. So it is where the
    section is wrong, which is told of the student and not of a copy.
    """
    student, teacher = settings.get("student"), settings.get("teacher")
    if not isinstance(student, Mapping) or not isinstance(teacher, Mapping) or not _is_whole(student):
        return settings
    members = teacher.get("members")
    if not isinstance(members, Mapping):
        return settings | {"teacher": _filled(teacher, student, {})}
    filled = {name: _filled(one, student, members) for name, one in members.items()}
    return settings | {"teacher": {**teacher, "members": filled}}


def _is_whole(student: Mapping[str, Any]) -> bool:
    try:
        validated("student", student)
    except ValidationError:
        return False
    return True


def _filled(teacher: Any, student: Mapping[str, Any], beside: Mapping[str, Any]) -> Any:
    if not isinstance(teacher, Mapping) or teacher.get("kind") != KIND or "model" in teacher:
        return teacher
    given = {key: student[key] for key in OF_TEACHER if student.get(key)}
    given.setdefault("trunk", _trunk_of(beside))
    model = {key: value for key, value in student.items() if key not in APART} | _histories(student)
    return {key: value for key, value in given.items() if value} | dict(teacher) | {"model": model}


def _trunk_of(teachers: Mapping[str, Any]) -> str:
    """The first PLM that one of the teachers names, which is the student's where it names none itself."""
    named = (one.get("trunk") for one in teachers.values() if isinstance(one, Mapping))
    return next((str(trunk) for trunk in named if trunk), "")


def _histories(student: Mapping[str, Any]) -> Settings:
    """Changed histories are the undistilled student's too where it is said so (`student.histories.alone`)."""
    histories = student.get("histories")
    if not isinstance(histories, Mapping) or not histories.get("alone") or histories.get("clicks") is False:
        return {}
    return {"histories": {key: value for key, value in histories.items() if key not in ("alone", "clicks")}}
