"""The rate of weights that a tuning adds, where a recipe gives none: the default is for the PLM's own weights.

On MovieLens-100k `patch:2` at that default moved its layers a tenth as far as at 1e-3, and gained nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distill_rec.contracts import tuning_spec
from distill_rec.kinds import settings_of
from distill_rec.recipe_merge import Settings, merge
from distill_rec.runtime.errors import RecipeError
from distill_rec.sections.base import given

RATE = "trunk_learning_rate"


def with_added_rates(settings: Settings) -> Settings:
    """A recipe's settings, `trunk_learning_rate` written out for teachers whose tuning wants another than the default.

    What is wrong in a section is left to whoever checks it.
    """
    teacher = settings.get("teacher")
    if not isinstance(teacher, Mapping):
        return settings
    members = teacher.get("members")
    if isinstance(members, Mapping):
        filled = {name: _filled(one) if isinstance(one, Mapping) else one for name, one in members.items()}
        return settings | {"teacher": {**teacher, "members": filled}}
    return settings | {"teacher": _filled(teacher)}


def _filled(teacher: Mapping[str, Any]) -> Settings:
    """A teacher and its variants, each of which may have a tuning of its own."""
    out, variants = {**teacher, **_rate_of(teacher)}, teacher.get("choose")
    if not isinstance(variants, list):
        return out
    base = {key: value for key, value in teacher.items() if key != "choose"}
    each = [one | _rate_of(merge(base, one)) if isinstance(one, dict) and "tuning" in one else one for one in variants]
    return out | {"choose": each}


def _rate_of(section: Mapping[str, Any]) -> Settings:
    """The optimizer of a teacher's trunk with its tuning's rate; nothing where it has one, or wants the default."""
    tuning, kind = section.get("tuning"), section.get("kind", "bi_encoder")
    key = "trunk_optimizer" if isinstance(section.get("trunk_optimizer"), Mapping) else "optimizer"
    try:
        rate = tuning_spec(str(tuning).partition(":")[0]).rate
        field = settings_of("teacher", str(kind)).model_fields["optimizer"]
    except (RecipeError, KeyError):
        return {}
    usual = field.get_default(call_default_factory=True)
    optimizer = section[key] if isinstance(section.get(key), Mapping) else given(usual)
    if RATE in optimizer or rate == getattr(usual, RATE):
        return {}
    return {key: {**optimizer, RATE: rate}}
