"""From a pydantic error to one that names the key, the nearest right key and what it is for."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from distill_rec.kinds import GROUP, every_settings, kind_of, kinds_in_words, kinds_with
from distill_rec.recipe import Recipe
from distill_rec.runtime.errors import RecipeError
from distill_rec.several_teachers import OF_ONE


def recipe_error(error: ValidationError, where: str, settings: Mapping[str, Any]) -> RecipeError:
    """The first fault of a recipe, told to its reader.

    Args:
        settings: what was validated.
    """
    first = error.errors()[0]
    path, of = _without_member([str(part) for part in first["loc"]])
    settings, where = _section_of(settings, of), f"{where}, teacher {of}" if of else where
    key = ".".join(path)
    if first["type"] == "extra_forbidden":
        return _of_another_kind(path, where, settings) or _unknown_key(path, where, of)
    description = descriptions().get(key, "")
    expected = first["msg"].removeprefix("Value error, ")
    expected = expected[0].lower() + expected[1:]
    if isinstance(first["input"], dict) and first["type"] == "value_error":  # of keys that do not go together
        return RecipeError(f"{where}, section {key}" if key else where, expected, "", "")
    shown = first["input"] if not isinstance(first["input"], dict) else "a section"
    return RecipeError(f"{where}, key {key}", f"{shown!r}", expected, f"{key}: {description}." if description else "")


def _without_member(path: list[str]) -> tuple[list[str], str]:
    """A key as it is where there is one teacher, and which of several has it ("" where none)."""
    if path[:2] == ["teacher", "members"] and len(path) > 2:
        return ["teacher", *path[3:]], path[2]
    return path, ""


def _section_of(settings: Mapping[str, Any], member: str) -> Mapping[str, Any]:
    return {"teacher": settings["teacher"]["members"][member]} if member else settings


def _of_another_kind(path: list[str], where: str, settings: Mapping[str, Any]) -> RecipeError | None:
    """The fault of a key that another kind of teacher or student has; None where no kind has it."""
    section, rest = path[0], ".".join(path[1:])
    if section not in GROUP or not (owners := kinds_with(section, rest)):
        return None
    key, kind = ".".join(path), kind_of(section, settings[section])
    if kind in owners:  # it is a key within that one's section which is wrong
        return None
    found = f"{key} is a key of kind {' or '.join(map(repr, owners))}, and this {section} is {kind!r}"
    do = f"Leave it out, or set {section}.kind = {owners[0]!r}."
    return RecipeError(where, found, f"keys of kind {kind!r}", do)


def _unknown_key(path: list[str], where: str, member: str = "") -> RecipeError:
    """The fault of a key that nobody has.

    Args:
        member: the one of several teachers that it is of.
    """
    key, known = ".".join(path), descriptions()
    if key in known:  # of one of several, and this is the only teacher
        return RecipeError(where, f"{key} where there is one teacher", "no such key", f"It is {known[key]}.")
    nearest = nearest_key(key, list(known))
    found = f"unknown key {_of_member(key, member)}"
    if nearest is None:
        siblings = [name for name in known if name.rpartition(".")[0] == ".".join(path[:-1])]
        return RecipeError(where, found, f"one of {', '.join(siblings)}")
    do = f"Did you mean {_of_member(nearest, member)}? ({known[nearest]})"
    return RecipeError(where, found, "a key of the recipe", do)


def _of_member(key: str, member: str) -> str:
    """A key as it is written where there are several teachers."""
    return key.replace("teacher.", f"teacher.{member}.", 1) if member and key.startswith("teacher.") else key


def nearest_key(key: str, known: list[str]) -> str | None:
    """The right one for a dotted key that nobody has: begun alike in the same section, of the same name in a section
    within it, spelt alike in the same one, of the same name in another, or alike as a whole; the first that there is.
    """
    section, _, name = key.rpartition(".")
    siblings = {key.rpartition(".")[2]: key for key in known if key.rpartition(".")[0] == section}
    begun = [one for one in siblings if name.startswith(one) or one.startswith(name)]
    if begun:
        return siblings[max(begun, key=len)]
    same = [key for key in known if key.rpartition(".")[2] == name]
    if within := [key for key in same if key.startswith(f"{section}.")]:
        return within[0]
    if close := difflib.get_close_matches(name, siblings, 1, 0.6):
        return siblings[close[0]]
    if same:
        last = section.rpartition(".")[2]
        return max(same, key=lambda one: (one.split(".")[0] == key.split(".")[0], one.endswith(f".{last}.{name}")))
    close = difflib.get_close_matches(key, known, 1, 0.7)
    return close[0] if close else None


def descriptions() -> dict[str, str]:
    """Description of every key, by its dotted name."""
    return {key: text for key, text, _ in describe(Recipe)}


def describe(model: type[BaseModel], prefix: str = "") -> list[tuple[str, str, Any]]:
    """`(dotted key, description, default)` of a section's fields, sections within it after their own line.

    Of a section whose keys depend on a kind, those of the default kind come first, and each key that not all kinds
    have begins with the kinds that have it.
    """
    out: list[tuple[str, str, Any]] = []
    for name, field in model.model_fields.items():
        out.append((prefix + name, field.description or "", field.get_default(call_default_factory=True)))
        if not prefix and name in GROUP:
            out += _describe_kinds(name)
        elif inner := section_of(field.annotation):
            out += describe(inner, f"{prefix}{name}.")
    return out


def _describe_kinds(section: str) -> list[tuple[str, str, Any]]:
    found: dict[str, tuple[str, Any]] = {}
    kinds = every_settings(section)
    for model in kinds.values():
        for key, text, default in describe(model, f"{section}."):
            found.setdefault(key, (text, default))
    out = []
    found[f"{section}.kind"] = (kinds_in_words(section), found[f"{section}.kind"][1])
    for key, (text, default) in found.items():
        owners = kinds_with(section, key.partition(".")[2])
        out.append((key, text if len(owners) == len(kinds) else f"{', '.join(owners)}: {text}", default))
    if section == "teacher":
        out += [(f"teacher.{key}", text, None) for key, text in OF_ONE.items()]
    return out


def section_of(annotation: Any) -> type[BaseModel] | None:
    """The section that a field holds, if any."""
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None
