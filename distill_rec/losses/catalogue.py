"""Softmax over the whole catalogue, fused: click cross-entropy and KL to a teacher, gradients with the loss.

`cross_entropy(users @ items.T)` keeps `[n, n_items]` logits, their softmax and their gradient. Here a chunk of
users at a time passes through logits, softmax and both gradients while they are in cache, and nothing of size
`n * n_items` is ever kept. The result is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

# Logits, softmax and gradient of a chunk stay in a core's second-level cache and its share of the third.
LOGITS_BYTES = 2 << 20


@dataclass(frozen=True)
class TeacherScores:
    """A teacher's side of the KL: scores are `users @ items.T`, never stored.

    Attributes:
        users: `[n, d_teacher]`.
        items: `[n_items, d_teacher]`.
        weight: weight of the KL in the loss.
        temperature: softens both sides; the KL is multiplied by its square (Hinton et al. 2015, section 2).
    """

    users: Tensor
    items: Tensor
    weight: float = 1.0
    temperature: float = 1.0


def rows_per_chunk(n_items: int, element_size: int) -> int:
    """Users whose logits fit `LOGITS_BYTES`."""
    return max(16, LOGITS_BYTES // (n_items * element_size))


def _softmax(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Softmax of each row and its log normaliser `[rows, 1]`."""
    largest = logits.amax(1, keepdim=True)
    probabilities = torch.softmax(logits, 1)
    # The largest probability is at least 1 / n_items, so that its logarithm is exact where a target's may underflow.
    return probabilities, largest - probabilities.amax(1, keepdim=True).log()


class _CatalogueLoss(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0913
        ctx: Any,
        users: Tensor,
        items: Tensor,
        targets: Tensor,
        weights: Tensor,
        click: float,
        teacher: TeacherScores | None,
    ) -> Tensor:
        user_gradient, item_gradient = torch.empty_like(users), torch.zeros_like(items)
        share = weights / weights.sum()
        total = users.new_zeros(())
        step = rows_per_chunk(len(items), users.element_size())
        items_t = items.t()
        for start in range(0, len(users), step):
            part = slice(start, start + step)
            u, w = users[part], share[part, None]
            logits = u @ items_t
            p, log_norm = _softmax(logits)
            target = targets[part, None]
            total += click * ((log_norm - logits.gather(1, target)) * w).sum()
            delta = p * (w * click)
            delta.scatter_add_(1, target, -click * w)
            if teacher is not None:
                total += _add_kl(delta, (logits, p, log_norm), part, w, teacher)
            torch.mm(delta, items, out=user_gradient[part])
            item_gradient.addmm_(delta.t(), u)
        ctx.save_for_backward(user_gradient, item_gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        user_gradient, item_gradient = ctx.saved_tensors
        return user_gradient * gradients[0], item_gradient * gradients[0], None, None, None, None


def _add_kl(
    delta: Tensor, student: tuple[Tensor, Tensor, Tensor], part: slice, share: Tensor, teacher: TeacherScores
) -> Tensor:
    """Add the KL's gradient by the logits to `delta`; return the KL's sum over the chunk.

    Args:
        student: the chunk's logits, their softmax and log normaliser, at temperature 1.
    """
    temperature = teacher.temperature
    logits, p, log_norm = student
    teacher_logits = teacher.users[part] @ teacher.items.t()
    if temperature != 1.0:
        logits = logits / temperature
        p, log_norm = _softmax(logits)
        teacher_logits.div_(temperature)
    q, teacher_norm = _softmax(teacher_logits)
    # KL = sum q (log q - log p); both logs are logits less their normaliser, so that q = 0 costs nothing.
    cross = torch.linalg.vecdot(q, teacher_logits.sub_(logits))[:, None]
    weight = share * (teacher.weight * temperature)
    delta.addcmul_(p, weight).addcmul_(q, weight, value=-1)
    total: Tensor = temperature * (weight * (cross - teacher_norm + log_norm)).sum()
    return total


def catalogue_loss(
    users: Tensor,
    items: Tensor,
    targets: Tensor,
    weights: Tensor | None = None,
    click: float = 1.0,
    teacher: TeacherScores | None = None,
) -> Tensor:
    """Weighted mean over users of `click` x cross-entropy of the target + the KL to the teacher's softmax.

    Args:
        users: `[n, d]`.
        items: `[n_items, d]`.
        targets: int64 `[n]`, index of the clicked item.
        weights: `[n]`, weight of each click; ones where not given.
        click: weight of the cross-entropy.
        teacher: the KL's other side; no KL where not given.

    Returns:
        A scalar; its gradient reaches `users` and `items` and never the teacher.
    """
    weights = users.new_ones(len(users)) if weights is None else weights.to(users.dtype)
    loss: Tensor = _CatalogueLoss.apply(users, items, targets, weights, click, teacher)  # type: ignore[no-untyped-call]
    return loss
