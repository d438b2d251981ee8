"""Several teachers by sample: one that is wrong there counts for less (Tiny-NewsRec, Yu et al. 2022, section 3.3).

With w_t what a teacher weighs in the sum and c_t its cost on the sample, it weighs w_t exp(-c_t / T), made longer or
shorter so that all of them together weigh what they do in the sum. Scores and user vectors are those of the sum with
another factor on each block of the user vector. The cost is, among the items that all teachers know, the cross-entropy
of the click or the logarithm of its rank; or, without a click, how unsure a teacher is (the entropy of its softmax) or
how far the student is from it (KL). DLLM2Rec (Cui et al. 2024, arXiv 2405.00338, importance-aware ranking distillation)
weighs what one teacher says by rank, confidence and agreement; here these weigh several teachers against each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from distill_rec.losses.catalogue import products, rows_per_chunk
from distill_rec.nn.side_by_side import SideBySide, shortened, weighed

By = Literal["by_loss", "by_rank", "by_confidence", "by_agreement"]
OF_CLICKS: tuple[By, ...] = ("by_loss", "by_rank")
"""Costs that are of the click; the others speak of histories that nobody had too."""


@dataclass(frozen=True)
class Mixing:
    """Weights of several teachers by sample.

    Args:
        by: what a teacher's cost is.
        temperature: T; the larger, the nearer to the sum.
        encoder: of the sum.
    """

    by: By
    temperature: float
    encoder: SideBySide

    @property
    def dims(self) -> list[int]:
        """Of each teacher's block."""
        return self.encoder.dims

    @property
    def weights(self) -> Tensor:
        """`[teachers]`, what each weighs in the sum."""
        return self.encoder.weights

    def of_targets(  # noqa: PLR0913
        self,
        users: Tensor,
        items: Tensor,
        target: Tensor,
        real: Tensor | None,
        student: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """User vectors `[n, dim]` with the factors of their samples, each target against all items.

        Args:
            users, items: `[n, dim]` and `[n_items, dim]` of the sum.
            target: `[n]`, number of the item that was clicked.
            real: bool `[n]`, samples whose click did follow on their history; all where not given. For the others, and
                where a teacher does not know the click, by costs of clicks the teachers weigh what they do in the sum.
            student: its users `[n, d]` and items `[n_items, d]`, which agreement is with.
        """
        blocks, known = self._blocks(items)
        everyone = known.all(-1)
        number = torch.cumsum(everyone, 0) - 1
        beside = None if student is None else (student[0], student[1][everyone])
        costs = [
            costs_of_targets(user, block[everyone], number[target].clamp_min(0), self.by, beside)
            for user, block in zip(self._own(users), blocks, strict=True)
        ]
        if self.by not in OF_CLICKS:
            return self._mixed(users, torch.stack(costs, -1), torch.ones_like(target, dtype=torch.bool))
        told = everyone[target]
        return self._mixed(users, torch.stack(costs, -1), told if real is None else told & real)

    def of_candidates(  # noqa: PLR0913
        self,
        users: Tensor,
        candidates: Tensor,
        clicks: Tensor,
        shown: Tensor,
        real: Tensor | None,
        student: Tensor | None = None,
    ) -> Tensor:
        """The same, each click against the candidates shown with it.

        Args:
            candidates: vectors `[batch, n_candidates, dim]` of the sum.
            clicks, shown: bool `[batch, n_candidates]`.
            student: its scores `[batch, n_candidates]`.
        """
        blocks, known = self._blocks(candidates)
        among = shown & known.all(-1)
        clicked = clicks & among
        costs = [
            costs_of_clicks((block * user[:, None]).sum(-1), clicked, among, self.by, student)
            for user, block in zip(self._own(users), blocks, strict=True)
        ]
        if self.by not in OF_CLICKS:
            return self._mixed(users, torch.stack(costs, -1), among.any(1))
        told = clicked.any(1) & (among & ~clicks).any(1)
        return self._mixed(users, torch.stack(costs, -1), told if real is None else told & real)

    def _blocks(self, items: Tensor) -> tuple[list[Tensor], Tensor]:
        """Each teacher's own vectors, and which it knows `[..., teachers]`; one without a weight has no say."""
        blocks = items.split(self.dims, -1)
        known = torch.stack([(block != 0).any(-1) for block in blocks], -1)
        return shortened(blocks, self.weights), known | (self.weights == 0)

    def _own(self, users: Tensor) -> list[Tensor]:
        """Each teacher's own user vectors, from those that carry its weight in the sum."""
        weights = torch.where(self.weights > 0, self.weights, 1.0)
        return [block / weight for block, weight in zip(users.split(self.dims, -1), weights, strict=True)]

    def _mixed(self, users: Tensor, costs: Tensor, told: Tensor) -> Tensor:
        """User vectors with the factors that costs `[n, teachers]` make, where they tell anything."""
        shares = torch.softmax(torch.where(self.weights > 0, -costs / self.temperature, -torch.inf), -1)
        total = (shares * self.weights).sum(-1, keepdim=True)
        factors = torch.where(told[:, None], shares * (self.weights.sum() / total), 1.0)
        return weighed(users, self.dims, factors)


def costs_of_targets(
    users: Tensor, items: Tensor, target: Tensor, by: By, student: tuple[Tensor, Tensor] | None = None
) -> Tensor:
    """One teacher's cost `[n]` of each target among all items; only a chunk of users' scores is ever held.

    Args:
        student: its users `[n, d]` and items `[n_items, d]`.
    """
    out = users.new_empty(len(users))
    step = rows_per_chunk(len(items), users.element_size())
    for start in range(0, len(users), step):
        part = slice(start, start + step)
        scores = products(users[part], items)
        if by not in OF_CLICKS:
            out[part] = _without_clicks(by, scores, None if student is None else products(student[0][part], student[1]))
            continue
        own = scores.gather(1, target[part, None])
        out[part] = COSTS[by](scores, own)[:, 0]
    return out


def costs_of_clicks(scores: Tensor, clicks: Tensor, among: Tensor, by: By, student: Tensor | None = None) -> Tensor:
    """One teacher's cost `[batch]`: the mean over a row's clicks, each against the others that were not clicked.

    Args:
        scores: `[batch, n_candidates]`. clicks, among: bool, what was clicked and what counts.
        student: its scores `[batch, n_candidates]`.
    """
    if by not in OF_CLICKS:
        lowest = torch.finfo(scores.dtype).min
        beside = None if student is None else student.masked_fill(~among, lowest)
        return _without_clicks(by, scores.masked_fill(~among, lowest), beside)
    others = scores.masked_fill(clicks | ~among, -torch.inf)
    if by == "by_loss":
        each = torch.logaddexp(torch.logsumexp(others, 1, keepdim=True), scores) - scores
    else:
        at_most = torch.searchsorted(others.sort(1).values, scores.contiguous(), right=True)
        each = (1 + others.shape[1] - at_most).to(scores.dtype).log()
    return (each * clicks).sum(1) / clicks.sum(1).clamp_min(1)


def _without_clicks(by: By, scores: Tensor, student: Tensor | None) -> Tensor:
    """Entropy of each row's softmax `[n]`; or its KL from the student's."""
    own = torch.log_softmax(scores, 1)
    if by == "by_agreement":
        assert student is not None
        return (own.exp() * (own - torch.log_softmax(student, 1))).sum(1)
    return -(own.exp() * own).sum(1)


def _cross_entropy(scores: Tensor, own: Tensor) -> Tensor:
    return torch.logsumexp(scores, 1, keepdim=True) - own


def _log_rank(scores: Tensor, own: Tensor) -> Tensor:
    """The best rank is one; items of equal score share the better rank."""
    return (1 + (scores > own).sum(1, keepdim=True)).to(scores.dtype).log()


COSTS: dict[By, Callable[[Tensor, Tensor], Tensor]] = {"by_loss": _cross_entropy, "by_rank": _log_rank}
