"""The recipe's section `student.loss`, made from the registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field, SerializerFunctionWrapHandler, create_model, model_serializer

from distill_rec.losses.spec import LossSpec

RECORDED = frozenset({"kl", "temperature", "click", "item_cosine", "item_mse", "user_cosine", "user_mse"})
"""Keys that are recorded even at their default: fingerprints of earlier runs hold them."""


def loss_section(base: type[BaseModel], specs: Mapping[str, LossSpec]) -> type[BaseModel]:
    """A section with each loss's weight and, after it, its settings.

    Args:
        base: what every section of the recipe is made from.
    """
    fields: dict[str, Any] = {}
    for spec in specs.values():
        fields[spec.name] = (float, Field(spec.weight, ge=0, description=spec.description))
        fields |= spec.settings
    return create_model("LossSection", __base__=(_Recorded, base), __module__="distill_rec.recipe", **fields)


def unused_keys(section: BaseModel, prefix: str = "") -> set[str]:
    """Keys that records and fingerprints leave out: those of later losses at their default, so that a loss that is
    added (or another package that is installed) changes no run that does not use it."""
    fields = type(section).model_fields.items()
    return {
        prefix + key
        for key, field in fields
        if key not in RECORDED and getattr(section, key) == field.get_default(call_default_factory=True)
    }


class _Recorded(BaseModel):
    """Weights of the distillation objective, L = a·L_score + b·L_repr + c·L_click (design: three signals)."""

    @model_serializer(mode="wrap")
    def _without_unused(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        unused = unused_keys(self)
        return {key: value for key, value in handler(self).items() if key not in unused}
