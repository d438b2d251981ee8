"""What a search varies: the recipe's space, or sizes and losses of its kind of student."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distill_rec.kinds import kinds_with, settings_of
from distill_rec.recipe import Recipe, StudentSection
from distill_rec.recipe_check import recorded
from distill_rec.recipe_errors import describe, nearest_key
from distill_rec.recipe_merge import merge
from distill_rec.registry import STUDENTS, names
from distill_rec.runtime.errors import RecipeError
from distill_rec.sections.search import Choice, Dimension, Range, SearchSection, dimensions_of

KIND = "kind"
SIZES = {"dim": [16, 32, 64, 128], "table_dim": [32, 64, 128, 256], "layers": [1, 2]}
LOSSES: dict[str, Any] = {
    "kl": [0.0, 1.0],
    "click": [0.25, 0.5, 1.0],
    "item_cosine": [0.0, 1.0],
    "user_cosine": [0.0, 1.0],
    "temperature": {"low": 1.0, "high": 4.0},
}
TAKEN = ("seed", "device", "trunk", "undistilled", "initialised")
"""Keys that make no other student: a search sets them, or leaves them as they are."""
GATES = {"min_quality": 0.0, "max_p50_ms": None, "max_mb": None}
"""Limits of `[export]` that the search's own budget takes the place of, so that a trial beyond them is measured."""


def space_of(recipe: Recipe) -> dict[str, Dimension]:
    """The dimensions by dotted key of `[student]`, the kind first.

    Raises:
        RecipeError: a key that no kind of student in question has, or that a search does not vary.
    """
    assert recipe.student is not None
    section = recipe.search or SearchSection()
    dimensions = dimensions_of(section.space or default_space(recipe))
    kinds = kinds_of(dimensions, recipe.student)
    known = {key for kind in kinds for key in keys_of(kind)}
    for key, dimension in dimensions.items():
        _check_key(key, known)
        if isinstance(dimension, Choice):
            for value in dimension.values:
                for inner in _flat(value, key):
                    _check_key(inner, known)
    return {key: dimensions[key] for key in sorted(dimensions, key=lambda key: key != KIND)}


def default_space(recipe: Recipe) -> dict[str, Any]:
    """Sizes of the recipe's kind of student, losses where there is a teacher, and the learning rate.

    Of one that stays as its teachers merged, with no training, sizes alone.
    """
    assert recipe.student is not None
    known = keys_of(recipe.student.kind)
    out: dict[str, Any] = {key: values for key, values in SIZES.items() if key in known}
    if recipe.teacher is not None and recipe.student.taught.max_updates == 0:
        return out
    if recipe.teacher is not None:
        out["loss"] = LOSSES
    out["optimizer"] = {"learning_rate": {"low": 5e-4, "high": 1e-2, "log": True}}
    return out


def kinds_of(dimensions: Mapping[str, Dimension], student: StudentSection) -> list[str]:
    """Kinds of student that trials may have.

    Raises:
        RecipeError: one that there is not.
    """
    found = dimensions.get(KIND)
    if isinstance(found, Range):
        raise RecipeError("key search.space.kind", "a range", "a list of kinds of student")
    kinds = [student.kind] if found is None else [str(kind) for kind in found.values]
    for kind in kinds:
        if kind not in names(STUDENTS):
            raise RecipeError("key search.space.kind", repr(kind), f"one of {', '.join(names(STUDENTS))}")
    return kinds


def keys_of(kind: str) -> set[str]:
    """Dotted keys of a kind of student, its sections' own names included."""
    return {key for key, _, _ in describe(settings_of("student", kind))}


def has_key(kind: str, key: str) -> bool:
    """Whether a kind of student has a key."""
    return kind in kinds_with("student", key)


def trial_recipe(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """The recipe with a trial's student, as `distill-rec run` takes it.

    Raises:
        RecipeError: the changes contradict each other or the recipe.
    """
    settings = recipe.model_dump(exclude_unset=True)
    own = dict(settings.get("student", {}))
    settings["student"] = merge(own, _nested(changes))
    settings.pop("search", None)
    return recorded(settings, "trial")


def stripped(recipe: Recipe) -> Recipe:
    """A trial's recipe less what no trial needs: other students beside it, its report, gates of the export."""
    assert recipe.student is not None and recipe.export is not None
    student = recipe.student.model_copy(update={"undistilled": False, "initialised": False})
    export = recipe.export.model_copy(update=GATES)
    return recipe.model_copy(update={"student": student, "export": export, "evaluate": None, "search": None})


def own_place(dimensions: Mapping[str, Dimension], student: StudentSection) -> dict[str, Any] | None:
    """Where the recipe's own student stands in the space; None where it stands beside it."""
    out = {}
    for key, dimension in dimensions.items():
        if not has_key(student.kind, key):
            continue
        if isinstance(dimension, Range):
            value = value_at(student, key)
            if not isinstance(value, int | float) or not dimension.low <= value <= dimension.high:
                return None
            out[key] = value
            continue
        held = [one for one in dimension.values if all(value_at(student, k) == v for k, v in _flat(one, key).items())]
        if not held:
            return None
        out[key] = held[0]
    return out


def value_at(section: Any, key: str) -> Any:
    """A section's value by dotted key."""
    for part in key.split("."):
        section = getattr(section, part, None)
    return section


def _flat(value: Any, key: str) -> dict[str, Any]:
    """A choice's values by dotted key: of a table each of its own."""
    if not isinstance(value, Mapping):
        return {key: value}
    return {k: v for name, inner in value.items() for k, v in _flat(inner, f"{key}.{name}").items()}


def _nested(changes: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in changes.items():
        for part in reversed(key.split(".")):
            value = {part: value}
        out = merge(out, value)
    return out


def _check_key(key: str, known: set[str]) -> None:
    where = f"key search.space.{key}"
    if key in TAKEN or key.startswith("optimizer.tries"):
        raise RecipeError(where, "a key that a search does not vary", "a key that makes another student")
    if key not in known:
        near = nearest_key(key, sorted(known))
        raise RecipeError(where, "no key of [student]", "one of them", f"Did you mean {near}?" if near else "")
