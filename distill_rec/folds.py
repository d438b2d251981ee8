"""Folds of the users, which a teacher may learn without; drawn from the number of users alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

FORM = re.compile(r"([1-9]\d?)/([1-9]\d?)")
STREAM = 0xF01D
"""Parts the draw of folds from all others."""


@dataclass(frozen=True)
class Fold:
    """One of `count` parts of the users, numbered from 1."""

    number: int
    count: int

    @classmethod
    def of(cls, text: str) -> Self:
        """From a recipe's "1/4".

        Raises:
            ValueError: it says no fold.
        """
        found = FORM.fullmatch(text)
        if found is None or not int(found[1]) <= int(found[2]) >= 2:
            raise ValueError(f"a fold is written as 1/4, the first of four, not {text!r}")
        return cls(int(found[1]), int(found[2]))

    def users(self, n_users: int) -> NDArray[np.bool_]:
        """Which users belong to it, `[n_users]`."""
        parts = np.random.default_rng([STREAM, n_users, self.count]).permutation(n_users) % self.count
        return np.asarray(parts == self.number - 1)
