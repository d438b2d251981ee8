"""A figure's name with what it is, for tables that explain themselves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Explained:
    """A figure of a table.

    Attributes:
        title: as tables show it.
        says: what it is, in one line.
    """

    title: str
    says: str
