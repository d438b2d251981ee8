"""What a recipe asks of a run: which stages, and which settings and inputs decide each one's result."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from distill_rec.files import fingerprint, sha256_file
from distill_rec.pipeline.folder import StageRecord
from distill_rec.pipeline.stage import Context, Stage
from distill_rec.pipeline.stages import NAMES, STAGES, stage_named
from distill_rec.recipe import Recipe
from distill_rec.recipe_errors import describe
from distill_rec.runtime.errors import RecipeError


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
    """Whether `--restart` names this stage or an earlier one."""
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
    flat = flatten(getattr(recipe, stage.section), stage.section)
    return {key: value for key, value in flat.items() if key not in stage.no_effect}


def flatten(model: BaseModel, prefix: str) -> dict[str, Any]:
    """A section as dotted keys."""
    out: dict[str, Any] = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            out |= flatten(value, f"{prefix}.{name}")
        else:
            out[f"{prefix}.{name}"] = value
    return out


@cache
def defaults() -> dict[str, Any]:
    """Default of every key of a recipe, by its dotted name."""
    return {key: default for key, _, default in describe(Recipe)}


def trunk_hash(trunk: str, revision: str = "") -> str:
    """Hash of what a trunk's folder or file holds; the name and revision of a hub id."""
    path = Path(trunk)
    if path.is_file():
        return sha256_file(path)
    if not path.is_dir():
        return fingerprint(trunk, revision)
    files = sorted({*path.glob("*.json"), *path.glob("*.safetensors"), *path.glob("*/config.json")})
    return fingerprint([(str(file.relative_to(path)), sha256_file(file)) for file in files])


def wanted(stage: Stage, context: Context, before: str) -> StageRecord:
    """The record that a stage would have if it were made now.

    Its fingerprint leaves out keys at their default: one that a later release adds must not change it.

    Args:
        before: fingerprint of the stage before.
    """
    settings, inputs = settings_of(stage, context.recipe), stage.inputs(context)
    usual = defaults()
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
