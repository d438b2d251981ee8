"""Losses over the whole catalogue, fused: every loss of a chunk of users, gradients with them, in one pass.

`cross_entropy(users @ items.T)` keeps `[n, n_items]` logits, their softmax and their gradient. Here a chunk of
users at a time passes through logits, losses and both gradients while they are in cache, and nothing of size
`n * n_items` is ever kept. The result is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from distill_rec.losses.chunk import Chunk, Term
from distill_rec.losses.click import catalogue_click
from distill_rec.losses.repeats import RepeatPlaces, add_at, gradient_at

# Logits, softmax and gradient of a chunk stay in a core's second-level cache and its share of the third. Where few rows
# would, more are taken: a product of few rows waits for the items it reads.
LOGITS_BYTES = 2 << 20
WIDE_LOGITS_BYTES = 8 << 20
ENOUGH_ROWS = 128
FEWEST_ROWS = 16
PRODUCT_BYTES = 512 << 10


@dataclass(frozen=True)
class TeacherScores:
    """A teacher's scores `users @ items.T`, with its repeat term where it has one; never stored.

    Attributes:
        users: `[n, d_teacher]`.
        items: `[n_items, d_teacher]`.
        repeat: its numbers `[BUCKETS]`.
    """

    users: Tensor
    items: Tensor
    repeat: Tensor | None = None


@dataclass(frozen=True)
class Joined:
    """Clicks that follow on one user vector, as those of one second do.

    Attributes:
        row: `[n]`, number of each click's user vector, rising.
        first: `[n_rows]`, the first click of each; `starts` the same with `n` behind them.
    """

    row: Tensor
    first: Tensor
    starts: list[int]

    @staticmethod
    def of(same: Tensor) -> Joined:
        first = torch.searchsorted(same, torch.arange(int(same[-1]) + 1 if len(same) else 0, device=same.device))
        return Joined(same, first, [*first.tolist(), len(same)])

    def clicks_of(self, rows: slice) -> slice:
        """The clicks of some user vectors."""
        return slice(self.starts[rows.start], self.starts[min(rows.stop, len(self.first))])


CLICK = Term(catalogue_click, reads_clicks=True, joins=True)


def rows_per_chunk(n_items: int, element_size: int) -> int:
    """Users whose logits fit `LOGITS_BYTES`, or up to `ENOUGH_ROWS` that fit `WIDE_LOGITS_BYTES`."""
    row = n_items * element_size
    return max(FEWEST_ROWS, LOGITS_BYTES // row, min(ENOUGH_ROWS, WIDE_LOGITS_BYTES // row))


def products(users: Tensor, items: Tensor) -> Tensor:
    """`users @ items.T`, `[rows, n_items]`.

    On a CPU by blocks of items: the libraries' products of few rows with many columns run at a half to two thirds of
    the speed of those whose result stays in the second-level cache.
    """
    if users.device.type != "cpu":
        return users @ items.t()
    block = max(1, PRODUCT_BYTES // (max(len(users), 1) * users.element_size()))
    if len(items) <= 4 * block:
        return users @ items.t()
    out = users.new_empty(len(users), len(items))
    for start in range(0, len(items), block):
        part = slice(start, start + block)
        out[:, part] = users @ items[part].t()
    return out


class _CatalogueLoss(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0913
        ctx: Any,
        users: Tensor,
        items: Tensor,
        repeat: Tensor | None,
        targets: Tensor,
        weights: Tensor,
        terms: Sequence[Term],
        teacher: TeacherScores | None,
        places: RepeatPlaces | None,
        counted: Tensor | None,
        joined: Joined | None,
    ) -> Tensor:
        repeat_gradient = None if repeat is None else torch.zeros_like(repeat, dtype=torch.float64)
        share = weights / weights.sum()
        of_clicks = share if counted is None else share * counted
        total = users.new_zeros(())
        readers = sum(term.reads_teacher for term in terms)
        user_gradient, item_gradient = torch.zeros_like(users), torch.zeros_like(items)
        step = rows_per_chunk(len(items), users.element_size())
        for start in range(0, len(users), step):
            part = slice(start, start + step)
            clicks = part if joined is None else joined.clicks_of(part)
            taught = products(teacher.users[part], teacher.items) if teacher is not None and readers else None
            logits = products(users[part], items)
            if places is not None:
                at, bucket = places.of_rows(start, start + len(logits), len(items))
                if repeat is not None:
                    add_at(logits, at, bucket, repeat)
                if taught is not None and teacher is not None and teacher.repeat is not None:
                    add_at(taught, at, bucket, teacher.repeat)
            row = None if joined is None else joined.row[clicks] - start
            chunk = Chunk(logits, targets[clicks, None], share[clicks, None], taught, readers, start, row)
            for term in terms:
                chunk.shared((of_clicks if term.reads_clicks else share)[clicks, None])
                total += term.function(chunk, term.weight, **term.settings)
            if chunk.gradient is not None:
                torch.mm(chunk.gradient, items, out=user_gradient[part])
                item_gradient.addmm_(chunk.gradient.t(), users[part])
                if repeat_gradient is not None and places is not None:
                    repeat_gradient += gradient_at(chunk.gradient, at, bucket)
            del chunk, logits, taught  # the next chunk gets this one's memory, still in cache
        ctx.save_for_backward(user_gradient, item_gradient, repeat_gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        user_gradient, item_gradient, repeat_gradient = ctx.saved_tensors
        repeat = None if repeat_gradient is None else (repeat_gradient * gradients[0]).to(user_gradient.dtype)
        return user_gradient * gradients[0], item_gradient * gradients[0], repeat, *(None,) * 7


def catalogue_loss(  # noqa: PLR0913
    users: Tensor,
    items: Tensor,
    targets: Tensor,
    weights: Tensor | None = None,
    terms: Sequence[Term] = (CLICK,),
    teacher: TeacherScores | None = None,
    repeat: Tensor | None = None,
    places: RepeatPlaces | None = None,
    counted: Tensor | None = None,
    same: Tensor | None = None,
) -> Tensor:
    """Weighted mean over users of the terms' sum.

    Args:
        users: `[n, d]`.
        items: `[n_items, d]`.
        targets: int64 `[n]`, index of the clicked item.
        weights: `[n]`, weight of each click; ones where not given.
        terms: losses with their weights; the clicks' cross-entropy where not given.
        teacher: the other side of those that read it.
        repeat: numbers `[BUCKETS]` of the repeat term, which the logits get at `places`.
        places: the items of each user's history; needed where either side has a repeat term.
        counted: bool `[n]`, clicks that the losses of clicks learn from; to them the others are zero. All where not
            given.
        same: int64 `[n]`, rising by zero or one: neighbours of one number have the same user vector, and the teacher's
            too. Where the losses allow it they are scored once; none are the same where not given.

    Returns:
        A scalar; its gradient reaches `users`, `items` and `repeat` and never the teacher.
    """
    weights = users.new_ones(len(users)) if weights is None else weights.to(users.dtype)
    joined = None
    if same is not None and places is None and all(term.joins for term in terms):
        joined = Joined.of(same)
        users = functional.embedding(joined.first, users)
        teacher = None if teacher is None else replace(teacher, users=teacher.users[joined.first])
    loss: Tensor = _CatalogueLoss.apply(  # type: ignore[no-untyped-call]
        users, items, repeat, targets, weights, terms, teacher, places, counted, joined
    )
    return loss
