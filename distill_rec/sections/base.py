"""What every section of a recipe is made from, and what of one decides a training."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Base of every section: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


LATER = (
    *("repeat_term", "start", "prefix", "histories", "trunk_layer_decay", "vocabulary"),
    *("mix", "mix_temperature", "nested", "nested_weights", "adapter", "preference", "post_training", "first"),
    *("schedule", "begin", "rate_factor", "replay", "drawn_negatives", "drawn_by"),
    *("experts", "order", "trajectory", "ray", "joint", "tokens"),
    *("alone", "table_rate", "token_weights", "words", "pairs", "word_texts", "sub_words", "further_sub_words"),
    *("unclicked_cost", "transition_term", "precision", "trunk_precision"),
)
"""Keys that came after trainings had been begun without them."""


def decisive(section: Section, exclude: Any) -> dict[str, Any]:
    """What decides a training, for its fingerprint: later keys at their default are left out, as in older releases.

    Args:
        exclude: as of `model_dump`.
    """
    return _without_later(section, section.model_dump(exclude=exclude))


def _without_later(section: Section, dumped: dict[str, Any]) -> dict[str, Any]:
    fields, out = type(section).model_fields, {}
    for key, value in dumped.items():
        own = getattr(section, key)
        if key in LATER and own == fields[key].get_default(call_default_factory=True):
            continue
        out[key] = _without_later(own, value) if isinstance(own, Section) and isinstance(value, dict) else value
    return out


def given(section: Section, exclude: Collection[str] = ()) -> dict[str, Any]:
    """Keys that are not at their default, at any depth, and kinds: what a later release adds changes nothing of it."""
    dumped, out = section.model_dump(), {}
    for key, field in type(section).model_fields.items():
        own = getattr(section, key)
        if key in exclude or (key != "kind" and own == field.get_default(call_default_factory=True)):
            continue
        out[key] = given(own) if isinstance(own, Section) else dumped[key]
    return out
