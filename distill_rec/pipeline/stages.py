"""The stages of a run: which settings and inputs decide each one's result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from distill_rec.files import fingerprint, sha256_file
from distill_rec.losses.section import unused_keys
from distill_rec.pipeline.folder import Record
from distill_rec.recipe import Recipe, Sourced
from distill_rec.runtime.errors import RecipeError
from distill_rec.stages import SECTION, STAGES

VERSION = {"prepare": 2, "teach": 1, "distill": 1, "export": 2, "evaluate": 1}
"""Raised when a stage's code gives another result for the same settings."""

NO_EFFECT = {
    *("data.path", "data.test", "teacher.trunk", "student.trunk"),
    *("teacher.device", "student.device", "export.keep"),
}
"""Keys that do not decide a result; hashes of the files stand for the paths."""


@dataclass(frozen=True)
class Context:
    """A run's recipe with everything resolved.

    Attributes:
        recipe: as its user wrote it ('demo:' values kept).
        resolved: the same with 'demo:' values replaced by folders.
        base: folder that the data's files are relative to where `data.path` is empty.
    """

    recipe: Recipe
    resolved: Recipe
    base: Path


def stages_of(recipe: Recipe) -> list[str]:
    """Stages that a recipe has a section for.

    Raises:
        RecipeError: a stage lacks the one that it reads.
    """
    stages = [stage for stage in STAGES if getattr(recipe, SECTION[stage]) is not None]
    if "export" in stages and "distill" not in stages:
        raise RecipeError("section export", "no section student to export", "sections student and export together")
    student = recipe.student
    if student is not None and not trunk_of(recipe):
        found = "no teacher with a trunk, and none of its own"
        raise RecipeError("key student.trunk", found, "a section teacher that has a trunk, or student.trunk")
    return stages


def trunk_of(recipe: Recipe) -> str:
    """The PLM of the student's tokens and first weights: its own, or else its teacher's; "" where there is none."""
    sections: tuple[Sourced | None, ...] = (recipe.student, recipe.teacher)
    found = [section.sources()["trunk"][0] for section in sections if section and "trunk" in section.sources()]
    return found[0] if found else ""


def settings_of(stage: str, recipe: Recipe) -> dict[str, Any]:
    """Dotted keys and values that decide a stage's result."""
    section = SECTION[stage]
    flat = flatten(getattr(recipe, section), section)
    return {k: v for k, v in flat.items() if k not in NO_EFFECT and not k.endswith(".checkpoint_seconds")}


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


def trunk_hash(trunk: str, revision: str = "") -> str:
    """Hash of what a trunk's folder or file holds; the name and revision of a hub id."""
    path = Path(trunk)
    if path.is_file():
        return sha256_file(path)
    if not path.is_dir():
        return fingerprint(trunk, revision)
    files = sorted({*path.glob("*.json"), *path.glob("*.safetensors"), *path.glob("*/config.json")})
    return fingerprint([(str(file.relative_to(path)), sha256_file(file)) for file in files])


def inputs_of(stage: str, context: Context, frames: dict[str, str]) -> dict[str, str]:
    """Hashes of what a stage reads from outside the run."""
    recipe = context.resolved
    if stage == "prepare":
        if frames:
            return frames
        from distill_rec.data import read_inputs_fingerprint

        return {"data.path": read_inputs_fingerprint(recipe.data, context.base)}
    section: Sourced | None = {"teach": recipe.teacher, "distill": recipe.student}.get(stage)
    if section is not None:
        return {f"{SECTION[stage]}.{key}": trunk_hash(*value) for key, value in section.sources().items()}
    return {}


def wanted(stage: str, context: Context, frames: dict[str, str], before: str) -> Record:
    """The record that a stage would have if it were made now."""
    recipe = context.recipe
    settings, inputs = settings_of(stage, recipe), inputs_of(stage, context, frames)
    unused = set() if recipe.student is None else unused_keys(recipe.student.loss, "student.loss.")
    deciding = {key: value for key, value in settings.items() if key not in unused}
    name = fingerprint(stage, VERSION[stage], deciding, inputs, before)
    return Record(stage, VERSION[stage], name, settings, inputs, before)
