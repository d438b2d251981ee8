"""What a user is recommended, and from what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Request(NamedTuple):
    """What `recommend` takes, for `recommend_many`."""

    history: Sequence[str]
    k: int = 10
    exclude: Sequence[str] = ()
    only: Sequence[str] | None = None
    seen: bool = False
