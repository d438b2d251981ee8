"""What every section of a recipe is made from, and what of one decides a training."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Base of every section: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


LATER = ("repeat_term", "start", "histories", "mix", "mix_temperature", "nested", "nested_weights", "adapter")
"""Keys that came after trainings had been begun without them."""


def decisive(section: Section, exclude: Any) -> dict[str, Any]:
    """What decides a training, for its fingerprint: later keys at their default are left out, as in older releases.

    Args:
        exclude: as of `model_dump`.
    """
    found, fields = section.model_dump(exclude=exclude), type(section).model_fields
    usual = {key: fields[key].get_default(call_default_factory=True) for key in LATER if key in fields}
    return {key: value for key, value in found.items() if key not in usual or getattr(section, key) != usual[key]}
