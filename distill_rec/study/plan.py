"""What a study trains: rows (tunings by variations), each with a recipe of its own, and where each is kept."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill_rec.files import fingerprint
from distill_rec.recipe import Recipe, TeacherSection
from distill_rec.recipe_io import load_recipe
from distill_rec.registry import TUNINGS, names
from distill_rec.runtime.errors import RecipeError
from distill_rec.study.records import Budget

Source = str | Path | Mapping[str, Any]
HEAD = "head"
PLAIN, OTHERS = re.compile(r"[\w.=,+-]+"), re.compile(r"[^\w.=,+-]+")
"""Names of rows that can be a folder's as they are, and what of others cannot."""
TUNED = {"tuning", "optimizer", "trunk_optimizer"}
"""Keys of a teacher whose PLM can be tuned."""


@dataclass(frozen=True)
class PlannedRow:
    """A row.

    Attributes:
        recipe: with the row's tuning and variation; the budget is not in it.
        variation: keys that are varied, and the row's values as they were written.
    """

    name: str
    tuning: str
    variation: dict[str, str]
    recipe: Recipe

    @property
    def teacher(self) -> TeacherSection:
        assert self.recipe.teacher is not None
        return self.recipe.teacher

    @property
    def folder(self) -> str:
        return folder_name(self.name)

    @property
    def trunk_rate(self) -> float | None:
        """None where nothing of the trunk learns."""
        section: Any = self.teacher
        return None if self.tuning == HEAD else section.trunk_optimizer.trunk_learning_rate


@dataclass(frozen=True)
class Plan:
    """A study.

    Attributes:
        recipe: what the rows are made from.
        seeds: of each row.
    """

    recipe: Recipe
    rows: list[PlannedRow]
    seeds: list[int]
    budget: Budget

    @property
    def cells(self) -> list[tuple[PlannedRow, int]]:
        """Trainings in their order: all rows with one seed before the next, so that a cut study compares all rows."""
        return [(row, seed) for seed in self.seeds for row in self.rows]


def plan_study(  # noqa: PLR0913
    recipe: Source,
    changes: Sequence[str],
    tunings: Sequence[str],
    budget: Budget,
    seeds: int = 3,
    vary: Sequence[str] = (),
    only_for: Sequence[str] = (),
) -> Plan:
    """Put a study together.

    Args:
        changes: `key=value`, of every row.
        vary: `key=value,value` (or `|` between them): every tuning with each value, several keys crossed.
        only_for: `TUNING key=value`: of the rows of one tuning (`last:2`) or kind of tuning (`last`).

    Raises:
        RecipeError: a recipe without one bi-encoder, or a wrong key, value, tuning or variation.
    """
    whole = load_recipe(recipe, changes)
    base, studied = _of_one(whole), _tuned_of_several(whole)
    _check_budget(budget)
    for text in only_for:
        _check_only_for(text, tunings)
    rows = [
        _row(recipe, changes, studied, tuning, variation, only_for, short_names(vary))
        for variation in variations_of(vary)
        for tuning in tunings
    ]
    twice = [row.name for row in rows if [one.name for one in rows].count(row.name) > 1]
    if not rows or twice:
        found = f"{twice[0]!r} twice" if twice else "none"
        raise RecipeError("--tunings", found, "different tunings", "For example --tunings head,last:2,lora:2.")
    first: int = rows[0].teacher.seed
    return Plan(base, rows, list(range(first, first + seeds)), budget)


def split_tunings(text: str) -> list[str]:
    """`head,lora:2,rank=4` as its tunings: what follows a comma and is no tuning belongs to the one before."""
    out: list[str] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        if out and "=" in part and part.partition(":")[0] not in names(TUNINGS):
            out[-1] += f",{part}"
        else:
            out.append(part)
    return out


def variations_of(vary: Sequence[str]) -> list[dict[str, str]]:
    """Every combination of the varied keys' values; one without any where nothing is varied."""
    keys = [_varied(text) for text in vary]
    return [
        dict(zip([key for key, _ in keys], values, strict=True)) for values in itertools.product(*(v for _, v in keys))
    ]


def short_names(vary: Sequence[str]) -> dict[str, str]:
    """What each varied key is called in a row's name: its last part, where that is its alone."""
    keys = [_varied(text)[0] for text in vary]
    last = [key.rpartition(".")[2] for key in keys]
    return {key: short if last.count(short) == 1 else key for key, short in zip(keys, last, strict=True)}


def folder_name(name: str) -> str:
    """A row's folder: its name where that can be one, else what can be kept of it and a hash."""
    plain = name.replace(":", "-").replace(" ", "+")
    if PLAIN.fullmatch(plain):
        return plain
    return f"{OTHERS.sub('_', plain)[:60]}-{fingerprint(name)[:6]}"


def _varied(text: str) -> tuple[str, list[str]]:
    key, sign, values = text.partition("=")
    found = [value.strip() for value in values.split("|" if "|" in values else ",")]
    if not sign or not key.strip() or len(found) < 2 or not all(found):
        do = "For example --vary data.max_history=20,50 or --vary 'data.text={title}|{title} {genres}'."
        raise RecipeError(f"--vary {text}", "no key with several values", "KEY=VALUE,VALUE or KEY=VALUE|VALUE", do)
    if key.strip().startswith("teacher.") and key.strip().rpartition(".")[2] in ("tuning", "seed"):
        raise RecipeError(f"--vary {text}", "a key that a study sets itself", "", "Use --tunings and --seeds.")
    return key.strip(), found


def _row(  # noqa: PLR0913
    recipe: Source,
    changes: Sequence[str],
    studied: str,
    tuning: str,
    variation: dict[str, str],
    only_for: Sequence[str],
    short: Mapping[str, str],
) -> PlannedRow:
    own = [change for one, change in map(_parts_of, only_for) if one in (tuning, tuning.partition(":")[0])]
    varied = [f"{key}={value}" for key, value in variation.items()]
    key = f"teacher.{studied}.tuning" if studied else "teacher.tuning"
    found = _of_one(load_recipe(recipe, [*changes, f"{key}={tuning}", *varied, *own]))
    name = " ".join([tuning, *(f"{short[key]}={value}" for key, value in variation.items())])
    assert found.teacher is not None
    return PlannedRow(name, tuning, variation, found.model_copy(update={"teacher": _written_out(found.teacher)}))


def _written_out(section: Any) -> Any:
    """The section with its trunk's optimizer written out.

    The head alone has none, so that it is the same section whatever the recipe says of trunks.
    """
    optimizer = None if section.tuning == HEAD else section.trunk_optimizer or section.optimizer
    return section.model_copy(update={"trunk_optimizer": optimizer})


def _tuned_of_several(recipe: Recipe) -> str:
    """Of several teachers the one whose PLM can be tuned, by its name; "" where that is none or not one alone."""
    parts = {} if recipe.teacher is None else recipe.teacher.parts()
    tuned = [name for name, one in parts.items() if set(type(one).model_fields) >= TUNED]
    return tuned[0] if len(tuned) == 1 else ""


def _of_one(recipe: Recipe) -> Recipe:
    """The recipe with the one teacher that a study tunes, which may stand among others that have no PLM to tune.

    Raises:
        RecipeError: there is no such teacher, or more than one, or it has keys that a study sets itself.
    """
    if name := _tuned_of_several(recipe):
        assert recipe.teacher is not None
        recipe = recipe.model_copy(update={"teacher": recipe.teacher.parts()[name]})
    _require_one_tuned(recipe)
    return recipe


def _require_one_tuned(recipe: Recipe) -> None:
    teacher: Any = recipe.teacher
    do = "Name a recipe with one, as teachers/head."
    if teacher is None or teacher.parts():
        found = "no [teacher]" if teacher is None else f"several teachers ({', '.join(teacher.parts())})"
        raise RecipeError("teacher", found, "one teacher with a PLM, whose tuning is studied", do)
    if not set(type(teacher).model_fields) >= TUNED:
        raise RecipeError("teacher.kind", f"{teacher.kind!r}, which has no PLM to tune", "bi_encoder", do)
    if getattr(teacher, "choose", []):
        raise RecipeError("teacher.choose", "variants", "none: a study's rows are these", "Use --tunings and --vary.")
    if getattr(teacher, "preference", None) is not None:
        raise RecipeError("teacher.preference", "set", "none: a study compares tunings alone", "Leave it out.")
    for key in ("optimizer", "trunk_optimizer"):
        if getattr(teacher, key) is not None and getattr(teacher, key).tries:
            do = f"Leave it out; to compare rates, --vary teacher.{key}.trunk_learning_rate=2e-5,1e-4."
            raise RecipeError(f"teacher.{key}.tries", "tries", "none: every training has the same budget", do)


def _check_budget(budget: Budget) -> None:
    if budget.amount <= 0:
        raise RecipeError(f"--{budget.unit.replace('_', '-')}", f"{budget.amount:g}", "more than zero")
    if not 0 < budget.warm_up < 1:
        raise RecipeError("--warm-up", f"{budget.warm_up:g}", "a share of the budget between 0 and 1, as 0.5")


def _check_only_for(text: str, tunings: Sequence[str]) -> None:
    one, change = _parts_of(text)
    if not change:
        raise RecipeError(f"--for {text}", "no TUNING KEY=VALUE", "as --for 'lora teacher.trunk_optimizer.window=8'")
    if one not in {*tunings, *(tuning.partition(":")[0] for tuning in tunings)}:
        raise RecipeError(f"--for {text}", f"no row of {one!r}", f"one of {', '.join(tunings)}")


def _parts_of(text: str) -> tuple[str, str]:
    one, _, change = text.strip().partition(" ")
    return one, change.strip()
