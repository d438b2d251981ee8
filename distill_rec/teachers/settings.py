"""A teacher's settings made whole: variants merged, "auto" resolved, contradictions refused."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from distill_rec.recipe import TeacherSection
from distill_rec.runtime.errors import RecipeError
from distill_rec.trunks.load import Trunk
from distill_rec.trunks.vectors import is_vector_file


def variants_of(section: TeacherSection) -> list[TeacherSection]:
    """The section itself, or each of its variants in `choose` merged into it."""
    base = section.model_dump(exclude={"choose"}, exclude_none=True)
    if not section.choose:
        return [_check(TeacherSection.model_validate(base))]
    merged = []
    for number, variant in enumerate(section.choose):
        try:
            merged.append(_check(TeacherSection.model_validate(_merge(base, variant))))
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            raise RecipeError(f"teacher.choose[{number}].{key}", first["msg"]) from error
    return merged


def _merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in changes.items():
        nested = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = _merge(out[key], value) if nested else value
    return out


def _check(section: TeacherSection) -> TeacherSection:
    if is_vector_file(section.trunk) and (section.tuning != "head" or section.pooling != "auto"):
        raise RecipeError(
            "teacher.tuning" if section.tuning != "head" else "teacher.pooling",
            "a trunk that is a file of vectors has no layers and no tokens",
            "tuning = 'head' and pooling = 'auto'",
        )
    return section


def tuned_layers(section: TeacherSection, trunk: Trunk) -> int | None:
    """Top layers that learn: 0 for the head alone, None for the whole model, embeddings included."""
    if section.tuning == "full":
        return None
    return 0 if section.tuning == "head" else min(len(trunk.layers), int(section.tuning.split(":")[1]))
