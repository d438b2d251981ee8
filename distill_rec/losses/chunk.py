"""A chunk of users against the whole catalogue: what a catalogue loss reads, and where it leaves its gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Term:
    """One loss over the catalogue.

    Attributes:
        function: `function(chunk, weight, **settings)` adds `weight` x its gradient to the chunk, every row by its
            share, and returns `weight` x the sum over rows of share x loss.
        reads_teacher: it calls `take_teacher`, once.
        reads_clicks: a row whose click does not count is zero to it.
        joins: it takes rows of several clicks: it reads targets by `Chunk.at_targets` and `to_targets`, or not at all.
    """

    function: Callable[..., Tensor]
    weight: float = 1.0
    reads_teacher: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    reads_clicks: bool = False
    joins: bool = False


def softmax(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Softmax of each row and its log normaliser `[rows, 1]`."""
    largest = logits.amax(1, keepdim=True)
    probabilities = torch.softmax(logits, 1)
    # The largest probability is at least 1 / n_items, so that its logarithm is exact where a target's may underflow.
    return probabilities, largest - probabilities.amax(1, keepdim=True).log()


class Chunk:
    """Users of one chunk.

    Args:
        logits: `[rows, n_items]`; read by every loss, written by none.
        target: int64 `[clicks, 1]`, the clicked item; one per row where `row` is not given.
        share: `[clicks, 1]`, each one's share of the mean over the batch, for the loss that is at it; see `shared`.
        teacher: its logits `[rows, n_items]`, or None.
        readers: losses that take the teacher's logits.
        start: number of its first user among all.
        row: int64 `[clicks]`, the row that each click follows on.

    Attributes:
        share: `[rows, 1]`, each row's share. of_targets: `[clicks, 1]`, each click's.
    """

    def __init__(  # noqa: PLR0913
        self,
        logits: Tensor,
        target: Tensor,
        share: Tensor,
        teacher: Tensor | None,
        readers: int,
        start: int = 0,
        row: Tensor | None = None,
    ) -> None:
        self.logits, self.target, self.start, self._row = logits, target, start, row
        self.shared(share)
        self.gradient: Tensor | None = None
        self._teacher, self._readers = teacher, readers
        self._softmax: tuple[Tensor, Tensor] | None = None

    def shared(self, share: Tensor) -> None:
        """Give the clicks `[clicks, 1]` another share each; a row has the sum of its clicks'."""
        self.share = self.of_targets = share
        if self._row is not None:
            self.share = share.new_zeros(len(self.logits), 1).index_add_(0, self._row, share)

    def softmax(self) -> tuple[Tensor, Tensor]:
        """Softmax of the logits and its log normaliser `[rows, 1]`, computed once for all losses."""
        if self._softmax is None:
            self._softmax = softmax(self.logits)
        return self._softmax

    def take_teacher(self) -> Tensor:
        """The teacher's logits `[rows, n_items]`, the caller's own to write in: no loss after it needs the memory."""
        assert self._teacher is not None
        self._readers -= 1
        return self._teacher.clone() if self._readers > 0 else self._teacher

    def clicks(self) -> Tensor:
        """Bool `[rows, n_items]`, true at the target."""
        return torch.zeros_like(self.logits, dtype=torch.bool).scatter_(1, self.target, True)

    def add(self, values: Tensor, weight: Tensor, sign: int = 1) -> None:
        """Add `sign` x values `[rows, n_items]` x weight `[rows, 1]` to the gradient by the logits."""
        if self.gradient is None:
            self.gradient = values * (weight if sign == 1 else -weight)
        else:
            self.gradient.addcmul_(values, weight, value=sign)

    def to_targets(self, values: Tensor) -> Tensor:
        """Each click's row of values `[rows, 1]`, `[clicks, 1]`."""
        return values if self._row is None else values[self._row]

    def at_targets(self, values: Tensor) -> Tensor:
        """Values `[rows, n_items]` at the targets, `[clicks, 1]`."""
        return values.gather(1, self.target) if self._row is None else values.view(-1)[self._places(self._row)]

    def add_to_targets(self, values: Tensor) -> None:
        """Add values `[clicks, 1]` to the gradient by the targets' logits."""
        if self._row is None:
            self.add_at(self.target, values)
            return
        if self.gradient is None:
            self.gradient = torch.zeros_like(self.logits)
        self.gradient.view(-1).scatter_add_(0, self._places(self._row)[:, 0], values[:, 0])

    def _places(self, row: Tensor) -> Tensor:
        """The targets among the logits laid flat, `[clicks, 1]`."""
        return row[:, None] * self.logits.shape[1] + self.target

    def add_at(self, items: Tensor, values: Tensor) -> None:
        """Add values `[rows, k]` to the gradient by the logits of items `[rows, k]`."""
        if self.gradient is None:
            self.gradient = torch.zeros_like(self.logits)
        self.gradient.scatter_add_(1, items, values)


def by_rows(rows: Callable[..., Tensor], reads_teacher: bool) -> Callable[..., Tensor]:
    """A catalogue loss from one that gives a loss per row; its gradient is autograd's, within the chunk.

    Args:
        rows: `rows(student, teacher, clicks, mask, **settings)` -> `[batch]`.
    """

    def catalogue(chunk: Chunk, weight: float, **settings: Any) -> Tensor:
        teacher = chunk.take_teacher() if reads_teacher else None
        clicks = chunk.clicks()
        with torch.enable_grad():
            student = chunk.logits.detach().requires_grad_()
            each = rows(student, teacher, clicks, torch.ones_like(clicks), **settings)
            (slope,) = torch.autograd.grad(each.sum(), student)
        chunk.add(slope, chunk.share * weight)
        return weight * (each.detach() * chunk.share[:, 0]).sum()

    return catalogue
