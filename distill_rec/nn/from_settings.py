"""User encoders of every kind from what a model's record says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distill_rec.nn import merged, side_by_side
from distill_rec.nn.user_encoders import UserEncoder, make_user_encoder


def user_encoder_of(settings: Mapping[str, Any]) -> UserEncoder:
    """An encoder of fresh weights.

    Args:
        settings: arguments of `make_user_encoder`; of one that is made of others their settings, as `parts`.
    """
    if settings["kind"] == side_by_side.KIND:
        return side_by_side.SideBySide(_parts(settings), settings["weights"])
    if settings["kind"] == merged.KIND:
        return merged.MergedUserEncoder(_parts(settings), settings["dim"])
    return make_user_encoder(**settings)


def _parts(settings: Mapping[str, Any]) -> list[UserEncoder]:
    return [user_encoder_of(part) for part in settings["parts"]]
