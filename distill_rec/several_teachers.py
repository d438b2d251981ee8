"""Several teachers in a recipe: `[[teacher]]`, each with a name, which together are one teacher of kind `ensemble`.

Within the settings of a recipe the list becomes that teacher's section at once, so that a recipe which extends
another, and `--set`, change one of them by its name: `[teacher.text]`, `--set teacher.text.dim=32`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SerializeAsAny, field_validator

from distill_rec.folds import Fold
from distill_rec.kinds import ENSEMBLE, kinds_with, validated
from distill_rec.losses.spec import ITEM_VECTORS
from distill_rec.recipe import TeacherSection
from distill_rec.registry import TEACHERS, find
from distill_rec.runtime.errors import RecipeError

NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
TAKEN = frozenset(
    {
        "teacher",
        "student",
        "undistilled",
        "initialised",
        "untrained",
        "popularity",
        "transitions",
        "knowledge",
        "trained",
        "variants",
    }
    | {"members", "weights", "folds", *TeacherSection.model_fields}
)
"""Names that columns, folders or keys have."""

OF_ONE = {
    "name": "of one of several teachers, [[teacher]]: its column in the report, its folder teach/NAME, its keys "
    "teacher.NAME.KEY",
    "weight": "of one of several teachers, [[teacher]]: factor of its scores in the sum; left out: validation chooses",
    "fold": "of one of several teachers, [[teacher]]: it learns without these users, as 1/4, the first of four parts, "
    "and distilling asks it about them alone",
}
"""Keys that a teacher has where there are several, with what they are for."""
APART = {"weights": "weight", "folds": "fold"}
"""What the section of several keeps of each by its name, and the key that says it in [[teacher]]."""

Member = Annotated[SerializeAsAny[TeacherSection], BeforeValidator(lambda value: validated("teacher", value))]


class EnsembleSection(TeacherSection):
    """The sum of several teachers' scores, as one."""

    kind: Literal["ensemble"] = Field("ensemble", description="several teachers, as [[teacher]] lists them")
    members: dict[str, Member] = Field(min_length=1, description="each teacher by its name")
    weights: dict[str, float] = Field(
        default_factory=dict,
        description="factor of a teacher's scores in their sum; those not named are fitted on validation data",
    )

    folds: dict[str, str] = Field(
        default_factory=dict,
        description="users that a teacher learns without, as 1/4; those not named learn from all",
    )

    @field_validator("folds")
    @classmethod
    def _written_as_folds(cls, folds: dict[str, str]) -> dict[str, str]:
        for fold in folds.values():
            Fold.of(fold)
        return folds

    @field_validator("members")
    @classmethod
    def _flat(cls, members: dict[str, TeacherSection]) -> dict[str, TeacherSection]:
        if any(isinstance(one, EnsembleSection) for one in members.values()):
            raise ValueError("a teacher of several is none of several itself")
        for name, one in members.items():
            given = one.supplied()
            if ITEM_VECTORS not in (find(TEACHERS, one.kind).supplies if given is None else given):
                raise ValueError(
                    f"{name} hands over scores alone, and teachers are joined by their vectors; let it teach alone"
                )
        return members

    @field_validator("weights")
    @classmethod
    def _positive(cls, weights: dict[str, float]) -> dict[str, float]:
        if any(weight < 0 for weight in weights.values()) or (weights and not any(weights.values())):
            raise ValueError("weights are zero or more, and not all zero")
        return weights

    def parts(self) -> dict[str, TeacherSection]:
        return dict(self.members)

    def sources(self) -> dict[str, tuple[str, str]]:
        return {f"{name}.{key}": value for name, one in self.members.items() for key, value in one.sources().items()}

    def resolved(self, resolve: Callable[[str], str]) -> Self:
        members = {name: one.resolved(resolve) for name, one in self.members.items()}
        return self.model_copy(update={"members": members})


def of_list(entries: list[Any], where: str) -> dict[str, Any]:
    """The section that a list of teachers is.

    Raises:
        RecipeError: one has no name, or one that cannot be a column's.
    """
    members: dict[str, Any] = {}
    apart: dict[str, dict[str, Any]] = {key: {} for key in APART}
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, Mapping):
            raise RecipeError(f"{where}, teacher {number}", f"{entry!r}", "a section [[teacher]]")
        rest = dict(entry)
        name = rest.pop("name", None)
        at = f"{where}, [[teacher]] {number}, key name"
        if not isinstance(name, str) or not NAME.fullmatch(name):
            found = "no name" if name is None else f"{name!r}"
            raise RecipeError(at, found, 'a name in small letters, digits, - and _, as name = "text"')
        if name in TAKEN or name in members:
            found = f"{name!r} twice" if name in members else f"{name!r}, which is taken"
            raise RecipeError(at, found, "a name of its own, which its column in the report gets")
        members[name] = _without_apart(name, rest, apart)
    return {"kind": ENSEMBLE, "members": members, **apart}


def with_changes(
    base: Mapping[str, Any], changes: Mapping[str, Any], merge: Callable[[dict[str, Any], Any], dict[str, Any]]
) -> dict[str, Any]:
    """Several teachers with `changes` of some, by their names.

    Args:
        merge: how the section of one is changed.

    Raises:
        RecipeError: there is no teacher of that name.
    """
    members = dict(base["members"])
    apart = {key: dict(base.get(key, {})) for key in APART}
    for name, change in changes.items():
        if name not in members or not isinstance(change, Mapping):
            first = next(iter(members))
            inner = next(iter(change), "dim") if isinstance(change, Mapping) else ""
            key = inner if inner and not kinds_with("teacher", name) else ".".join(filter(None, (name, inner)))
            raise RecipeError(
                f"key teacher.{name}",
                "the recipe has several teachers, and none of this name",
                f"one of {', '.join(members)}",
                f"Write the name before the key, as teacher.{first}.{key}.",
            )
        members[name] = merge(members[name], _without_apart(name, dict(change), apart))
    return {**base, "members": members, **apart}


def _without_apart(name: str, settings: dict[str, Any], apart: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A teacher's settings without what the list says of it, which goes to `apart`."""
    for key, own in APART.items():
        if own in settings:
            apart[key][name] = settings.pop(own)
    return settings
