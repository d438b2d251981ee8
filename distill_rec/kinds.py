"""Sections of a recipe whose keys depend on a kind: `[teacher]` and `[student]`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from distill_rec.registry import STUDENTS, TEACHERS, Late, find, names

GROUP = {"teacher": TEACHERS, "student": STUDENTS}
DEFAULT = {"teacher": "bi_encoder", "student": "static"}
ENSEMBLE = "ensemble"
"""The kind that several teachers together are (`distill_rec.several_teachers`); no entry point adds it."""


def kind_of(section: str, settings: Mapping[str, Any]) -> str:
    """The kind that a section asks for."""
    return str(settings.get("kind", DEFAULT[section]))


def settings_of(section: str, kind: str) -> type[BaseModel]:
    """The model of a kind's keys.

    Raises:
        RecipeError: there is no such kind.
    """
    if (section, kind) == ("teacher", ENSEMBLE):
        found: type[BaseModel] = Late[type[BaseModel]]("distill_rec.several_teachers:EnsembleSection").get()
    else:
        found = find(GROUP[section], kind).settings
    return found


def every_settings(section: str) -> dict[str, type[BaseModel]]:
    """The models of all kinds, the default kind first."""
    kinds = sorted(names(GROUP[section]), key=lambda kind: (kind != DEFAULT[section], kind))
    return {kind: settings_of(section, kind) for kind in kinds}


def kinds_in_words(section: str) -> str:
    """The kinds that there are, each with what it is; the default kind first."""
    return " or ".join(f"{kind} ({find(GROUP[section], kind).help})" for kind in every_settings(section))


def validated(section: str, value: Any) -> Any:
    """A section as the model of its kind; what is no mapping is left to the caller's own checks.

    Raises:
        ValidationError: an unknown kind, or a wrong key or value.
        RecipeError: the code of its kind cannot be used.
    """
    if not isinstance(value, Mapping):
        return value
    kind, known = kind_of(section, value), names(GROUP[section])
    if known and kind not in (*known, ENSEMBLE):
        message = f"One of {', '.join(known)} (or install the package that adds it)"
        fault = PydanticCustomError("unknown_kind", "{message}", {"message": message})
        raise ValidationError.from_exception_data(section, [{"type": fault, "loc": ("kind",), "input": kind}])
    return settings_of(section, kind).model_validate(value)


def kinds_with(section: str, key: str) -> list[str]:
    """Kinds of a section that have a key (its first part, where it is dotted)."""
    first = key.partition(".")[0]
    return [kind for kind, model in every_settings(section).items() if first in model.model_fields]


def without_other_kinds(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recorded recipe without keys of other kinds: one model held the keys of all of them until they were parted."""
    out = dict(recipe)
    for section in GROUP:
        settings = out.get(section)
        if isinstance(settings, Mapping) and kind_of(section, settings) in names(GROUP[section]):
            own = settings_of(section, kind_of(section, settings)).model_fields
            out[section] = {k: v for k, v in settings.items() if k in own or not kinds_with(section, k)}
    return out
