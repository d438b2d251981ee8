"""What a recipe asks of a run: which stages, and which settings and inputs decide each one's result."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from distill_rec.files import fingerprint
from distill_rec.pipeline.folder import StageRecord
from distill_rec.pipeline.stage import Stage
from distill_rec.pipeline.stages import NAMES, STAGES, stage_named
from distill_rec.recipe import Recipe, TeacherSection
from distill_rec.recipe_errors import describe
from distill_rec.runtime.errors import RecipeError

NO_EFFECT = ("checkpoint_seconds",)
"""Last parts of keys that decide no stage's result, in whichever section."""


def stages_of(recipe: Recipe) -> list[Stage]:
    """Stages that a recipe has a section for.

    Raises:
        RecipeError: a stage lacks the one that it reads.
    """
    stages = [stage for stage in STAGES if getattr(recipe, stage.section) is not None]
    for stage in stages:
        stage.require(recipe)
    return stages


def chosen_stages(recipe: Recipe, until: str | None, restart: str | None) -> list[Stage]:
    """The recipe's stages up to `until`.

    Raises:
        RecipeError: no stage has the name `until` or `restart`, or the recipe lacks its section.
    """
    stages = stages_of(recipe)
    names = [stage.name for stage in stages]
    for name, option in ((until, "stage"), (restart, "--restart")):
        if name is not None and name not in NAMES:
            raise RecipeError(f"{option} {name}", "no such stage", f"one of {', '.join(NAMES)}")
        if name is not None and name not in names:
            found = f"the recipe has no section [{stage_named(name).section}]"
            raise RecipeError(f"{option} {name}", found, f"one of its stages: {', '.join(names)}")
    return stages if until is None else stages[: names.index(until) + 1]


def runs_anew(stage: Stage, restart: str | None) -> bool:
    """Whether `--restart` names this stage or an earlier one.

    Raises:
        RecipeError: it names none.
    """
    if restart is not None and restart not in NAMES:
        raise RecipeError(f"--restart {restart}", "no such stage", f"one of {', '.join(NAMES)}")
    return restart is not None and NAMES.index(stage.name) >= NAMES.index(restart)


def resolved(recipe: Recipe) -> Recipe:
    """The recipe with 'demo:' values fetched and replaced by folders."""
    sections = {stage.section: getattr(recipe, stage.section) for stage in STAGES}
    found = {
        stage.section: stage.resolve(sections[stage.section]) for stage in STAGES if sections[stage.section] is not None
    }
    return recipe.model_copy(update=found)


def settings_of(stage: Stage, recipe: Recipe) -> dict[str, Any]:
    """Dotted keys and values that decide a stage's result."""
    section = getattr(recipe, stage.section)
    flat = flatten(section, stage.section)
    return {
        key: value
        for key, value in flat.items()
        if without_name(key, section) not in stage.no_effect and key.rpartition(".")[2] not in NO_EFFECT
    }


def parts_of(section: BaseModel) -> dict[str, TeacherSection]:
    """Of several teachers each by its name; none for any other section."""
    return section.parts() if isinstance(section, TeacherSection) else {}


def without_name(key: str, section: BaseModel) -> str:
    """A dotted key as it is where there is one teacher: `teacher.text.dim` is `teacher.dim`."""
    first, _, rest = key.partition(".")
    name, _, last = rest.partition(".")
    return f"{first}.{last}" if last and name in parts_of(section) else key


def flatten(model: BaseModel, prefix: str) -> dict[str, Any]:
    """A section as dotted keys; those of several teachers with the name of each before them."""
    out: dict[str, Any] = {}
    parts = parts_of(model)
    for name, part in parts.items():
        out |= flatten(part, f"{prefix}.{name}")
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            out |= flatten(value, f"{prefix}.{name}")
        elif value != parts or not parts:
            out[f"{prefix}.{name}"] = _plain(value)
    return out


def _plain(value: Any) -> Any:
    """A list of sections as mappings without what is at its default, so that a later key changes none."""
    if not isinstance(value, list):
        return value
    return [one.model_dump(exclude_defaults=True) if isinstance(one, BaseModel) else one for one in value]


def defaults_of(stage: Stage, recipe: Recipe) -> dict[str, Any]:
    """Default of every key of a stage's section, by its dotted name; of a teacher or student those of its kind."""
    return _defaults(getattr(recipe, stage.section), stage.section)


def _defaults(section: BaseModel, prefix: str) -> dict[str, Any]:
    """Those of the kinds that the section and the sections in it are."""
    out = {key: default for key, _, default in describe(type(section), f"{prefix}.")}
    within = {name: getattr(section, name) for name in type(section).model_fields}
    for name, part in {**within, **parts_of(section)}.items():
        if isinstance(part, BaseModel):
            out |= _defaults(part, f"{prefix}.{name}")
    return out


def wanted(stage: Stage, recipe: Recipe, inputs: dict[str, str], before: str) -> StageRecord:
    """The record that a stage would have if it were made now.

    Its fingerprint leaves out keys at their default: one that a later release adds must not change it.

    Args:
        inputs: hashes of what it reads from outside the run, by key.
        before: fingerprint of the stage before.
    """
    settings, usual = settings_of(stage, recipe), defaults_of(stage, recipe)
    decisive = {key: value for key, value in settings.items() if key not in usual or value != usual[key]}
    name = fingerprint(stage.name, stage.version, decisive, inputs, before)
    return StageRecord(
        stage=stage.name,
        version=stage.version,
        fingerprint=name,
        settings=settings,
        inputs=inputs,
        before=before,
    )
