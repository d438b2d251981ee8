"""The losses of a recipe that have a weight, with their functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from typing import Any

from pydantic import BaseModel
from torch import Tensor

from distill_rec.losses.checks import used
from distill_rec.losses.chunk import Term, by_rows
from distill_rec.losses.listed import Listed, by_listed
from distill_rec.losses.spec import CLICKS, POPULARITY, SCORES, LossSpec


@dataclass(frozen=True)
class Active:
    """A loss with its weight and settings."""

    spec: LossSpec
    weight: float
    settings: dict[str, Any]

    def term(self, popularity: Tensor | None = None) -> Term:
        """Its form over the catalogue.

        Args:
            popularity: of the items `[n_items]`, for a loss that needs it.
        """
        reads = SCORES in self.spec.needs
        function = _function(self.spec.catalogue) if self.spec.catalogue else by_rows(_function(self.spec.rows), reads)
        arguments, clicks = self._arguments(popularity), CLICKS in self.spec.needs
        return Term(function, self.weight, reads, arguments, clicks, self.spec.joins)

    def listed_term(self, listed: Listed) -> Term:
        """Its form over the catalogue where the teacher scores a few items of it; that of one that reads no teacher."""
        if SCORES not in self.spec.needs:
            return self.term()
        if self.spec.listed:
            function: Callable[..., Tensor] = partial(_function(self.spec.listed), listed=listed)
        else:
            function = by_listed(_function(self.spec.rows), listed)
        return Term(function, self.weight, False, self.settings, CLICKS in self.spec.needs)

    def of_candidates(
        self, student: Tensor, teacher: Tensor | None, clicks: Tensor, mask: Tensor, popularity: Tensor | None = None
    ) -> Tensor:
        """Its value over shown candidates, times its weight."""
        settings = self._arguments(popularity)
        if self.spec.impressions:
            loss: Tensor = _function(self.spec.impressions)(student, teacher, clicks, mask, **settings)
        else:
            loss = _function(self.spec.rows)(student, teacher, clicks, mask, **settings).mean()
        return self.weight * loss

    def of_vectors(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Its value of pairs of vectors, times its weight."""
        loss: Tensor = _function(self.spec.vectors)(student, teacher, **self.settings)
        return self.weight * loss

    def of_tokens(self, student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
        """Its value of token states, times its weight."""
        loss: Tensor = _function(self.spec.tokens)(student, teacher, mask, **self.settings)
        return self.weight * loss

    def _arguments(self, popularity: Tensor | None) -> dict[str, Any]:
        return self.settings | ({"popularity": popularity} if POPULARITY in self.spec.needs else {})


def of_rows(  # noqa: PLR0913
    loss: Active,
    student: Tensor,
    teacher: Tensor | None,
    clicks: Tensor,
    mask: Tensor,
    counted: Tensor | None,
    popularity: Tensor | None = None,
) -> Tensor:
    """A loss over shown candidates, times its weight, to which the rows that are not counted are zero.

    Args:
        counted: bool `[batch]`; all where not given.
        popularity: of the candidates, for a loss that needs it.
    """
    if counted is None:
        return loss.of_candidates(student, teacher, clicks, mask, popularity)
    rows = counted.nonzero()[:, 0]
    if not len(rows):
        return student.sum() * 0.0
    parts = (None if one is None else one.index_select(0, rows) for one in (student, teacher, clicks, mask, popularity))
    return loss.of_candidates(*parts) * (len(rows) / len(counted))  # type: ignore[arg-type]


def active_losses(section: BaseModel) -> list[Active]:
    """Those with a weight; the ones that read no teacher first, because the rest add to their gradient."""
    values = {key: getattr(section, key) for key in type(section).model_fields}
    found = [Active(spec, values[spec.name], spec.arguments(values)) for spec in used(section)]
    return sorted(found, key=lambda one: SCORES in one.spec.needs)


def rescaled(found: Sequence[Active], section: BaseModel) -> list[Active]:
    """The same losses with weights and settings of another section."""
    values = {key: getattr(section, key) for key in type(section).model_fields}
    return [replace(one, weight=values[one.spec.name], settings=one.spec.arguments(values)) for one in found]


def _function(name: str) -> Callable[..., Tensor]:
    module, _, attribute = name.partition(":")
    function: Callable[..., Tensor] = getattr(import_module(module), attribute)
    return function
