"""What somebody said of their files, and what is made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from distill_rec.runtime.errors import DataError


@dataclass(frozen=True)
class Asked:
    """What somebody said of their files; None: guess.

    Attributes:
        clicks, items: a file, a folder or a glob; the clicks carry the texts where there are no items.
        test: MIND's folder of test behaviours.
    """

    clicks: str
    items: str | None = None
    user_column: str | None = None
    item_column: str | None = None
    item_id_column: str | None = None
    time_column: str | None = None
    time_format: str | None = None
    event_column: str | None = None
    event_weights: dict[str, float] = field(default_factory=dict)
    rating_column: str | None = None
    min_rating: float | None = None
    text: str | None = None
    where: str | None = None
    missing_user: str | None = None
    encoding: str | None = None
    sequence_column: str | None = None
    sequence_separator: str | None = None
    test: str | None = None


@dataclass
class Guess:
    """Keys of `[data]`, and what to know about them."""

    data: dict[str, Any]
    notes: list[str]


def option_of(key: str) -> str:
    """`user_column` is --user-column."""
    return f"--{key.removesuffix('s') if key == 'event_weights' else key}".replace("_", "-")


def refuse(asked: Asked, keys: tuple[str, ...], found: str, do: str = "Leave it out.") -> None:
    """Refuse options that mean nothing for a format; '' (none) is no contradiction.

    Raises:
        DataError: one of them was given.
    """
    for key in keys:
        if getattr(asked, key) not in (None, "", {}):
            raise DataError(option_of(key), found, "no such option", do)
