"""What teaching a bi-encoder costs, asked of its tuning: how many of the trunk's layers each window passes."""

from __future__ import annotations

import json
from pathlib import Path

from distill_rec.estimates import TEXTS_A_SECOND, Sizes, training_seconds, updates
from distill_rec.recipe import OptimizerSection
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.variants import merged_variants

OPENING = 5.0
"""Seconds until torch, transformers and the PLM are loaded."""
REFERENCE = 1.3
"""A batch of preference tuning over one on the clicks alone: the reference encodes its users too, without a graph."""
USUAL_LAYERS = {"demo:": 6}
"""Of trunks that are not here yet, by how their names begin; 12 of all others."""


def estimate(section: BiEncoderSection, sizes: Sizes) -> tuple[str, float]:
    """See `contracts.EstimateTeacher`."""
    variants = merged_variants(section)
    # variants of the same head share its training
    seconds = OPENING + sizes.items / TEXTS_A_SECOND + training_seconds(section, section.optimizer, sizes)
    # and those that differ in their preference tuning all of what comes before it
    before = {str(plain): plain for plain in (one.model_copy(update={"preference": None}) for one in variants)}
    seconds += sum(_tuning_seconds(one, one.trunk_optimizer or one.optimizer, sizes) for one in before.values())
    seconds += sum(_preference_seconds(variant, sizes) for variant in variants)
    return f"{sizes.items:,} texts through the PLM, tuning {', '.join(map(_told, variants))}", seconds


def _told(variant: BiEncoderSection) -> str:
    return variant.tuning if variant.preference is None else f"{variant.tuning}, then {variant.preference.method}"


def _preference_seconds(variant: BiEncoderSection, sizes: Sizes) -> float:
    if variant.preference is None:
        return 0.0
    optimizer = variant.preference.optimizer
    return training_seconds(variant, optimizer, sizes, REFERENCE) + _tuning_seconds(variant, optimizer, sizes)


def _tuning_seconds(variant: BiEncoderSection, optimizer: OptimizerSection, sizes: Sizes) -> float:
    """Every window passes the catalogue through the layers from the lowest that learns on, forwards and back."""
    depth = depth_of(variant.trunk)
    lowest = variant.how.lowest(depth)
    if lowest == depth:
        return 0.0
    share = 1.0 if lowest is None else (depth - lowest) / depth
    seconds = updates(optimizer, sizes) / optimizer.window * 3 * sizes.items / TEXTS_A_SECOND * share
    return min(seconds, optimizer.max_seconds or seconds)


def depth_of(trunk: str) -> int:
    """Layers of a trunk, from its folder where it is here."""
    try:
        config = json.loads((Path(trunk).expanduser() / "config.json").read_text(encoding="utf-8"))
        return int(config.get("num_hidden_layers") or config["n_layers"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return next((layers for begin, layers in USUAL_LAYERS.items() if trunk.startswith(begin)), 12)
