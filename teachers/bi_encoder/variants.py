"""A teacher's settings made whole: variants merged, contradictions refused."""

from __future__ import annotations

from pydantic import ValidationError

from distill_rec.recipe_merge import merge
from distill_rec.runtime.errors import RecipeError
from distill_rec.trunks.vectors import is_vector_file
from teachers.bi_encoder.spec import BiEncoderSection


def variants_of(section: BiEncoderSection) -> list[BiEncoderSection]:
    """The section itself, or each of its variants in `choose` merged into it.

    Raises:
        RecipeError: a variant holds a wrong key or value, or contradicts itself.
    """
    return [_check(variant) for variant in merged_variants(section)]


def merged_variants(section: BiEncoderSection) -> list[BiEncoderSection]:
    """The same, contradictions not looked for."""
    base = section.model_dump(exclude={"choose"}, exclude_none=True)
    merged = []
    for number, variant in enumerate(section.choose or [{}]):
        if "ray" in variant:
            raise RecipeError(f"teacher.choose[{number}].ray", "of one variant", "teacher.ray, which is of all")
        try:
            merged.append(BiEncoderSection.model_validate(merge(base, variant)))
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            raise RecipeError(f"teacher.choose[{number}].{key}", first["msg"]) from error
    return merged


def _check(section: BiEncoderSection) -> BiEncoderSection:
    if is_vector_file(section.trunk) and (section.tuning != "head" or section.pooling != "auto"):
        raise RecipeError(
            "teacher.tuning" if section.tuning != "head" else "teacher.pooling",
            "a trunk that is a file of vectors has no layers and no tokens",
            "tuning = 'head' and pooling = 'auto'",
        )
    if is_vector_file(section.trunk) and section.post_training is not None:
        found = "a trunk that is a file of vectors, of which nothing can learn"
        raise RecipeError("teacher.post_training", found, "a trunk that is a model", "Leave the section out.")
    return section
