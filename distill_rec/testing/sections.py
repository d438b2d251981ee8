"""Settings with which any teacher or student trains in a second, and keys that its settings must refuse."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

from pydantic import BaseModel, ValidationError

from distill_rec.kinds import every_settings

QUICK = {
    "batch_size": 16,
    "window": 2,
    "max_epochs": 3,
    "checkpoint_seconds": 0.0,
    "warmup_updates": 2,
    "learning_rate": 1e-2,
    "item_chunk": 16,
}
FAST: dict[str, Any] = {"dim": 8, "hidden": 8, "device": "cpu", "optimizer": QUICK, "trunk_optimizer": QUICK}
"""Of these each kind gets the keys that it has."""

S = TypeVar("S", bound=BaseModel)


def fast_settings(model: type[S], trunk: Path, given: dict[str, Any]) -> S:
    """A kind's settings, small; what is given goes before."""
    known = FAST | {"trunk": str(trunk)}
    small = {key: value for key, value in known.items() if key in model.model_fields}
    return model.model_validate(small | _of_parts(model) | given)


def _of_parts(model: type[BaseModel]) -> dict[str, Any]:
    """Small settings of a section that a kind holds within its own, as a student that teaches does."""
    defaults = {name: field.get_default(call_default_factory=True) for name, field in model.model_fields.items()}
    parts = {name: type(value).model_fields for name, value in defaults.items() if isinstance(value, BaseModel)}
    small = ("dim", "hidden", "optimizer")
    return {
        name: {key: FAST[key] for key in small if key in keys} for name, keys in parts.items() if "optimizer" in keys
    }


def refused_keys(section: str, model: type[BaseModel]) -> list[str]:
    """Keys that a kind's settings take though they are of no kind, or of other kinds alone."""
    others = {key for other in every_settings(section).values() for key in other.model_fields}
    return [key for key in sorted({"no_such_key", *others} - set(model.model_fields)) if _takes(model, key)]


def _takes(model: type[BaseModel], key: str) -> bool:
    try:
        model.model_validate({key: 1})
    except ValidationError as error:
        return all(one["type"] != "extra_forbidden" for one in error.errors())
    return True


@contextmanager
def own_cache(folder: Path) -> Iterator[None]:
    """The cache of activations below a folder."""
    with patch.dict(os.environ, {"DISTILL_REC_CACHE": str(folder / "cache")}):
        yield
