"""Two optimisers: one stepped every batch (offsets, user encoder, repeat term), one every window (text encoder)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import compress

import torch
from torch import nn

from distill_rec.nn.recommender import Recommender
from distill_rec.recipe import OptimizerSection
from distill_rec.runtime.errors import RecipeError
from distill_rec.training.objective import Objective

DECAY_FREE_DIMS = 1
REPEAT_RATE = 25.0
"""The repeat term's rate over the user side's: its numbers are scores, which go from zero to several units."""


class NonFiniteGradientError(ArithmeticError):
    """A gradient that holds NaN or infinity; no weight was changed."""


@dataclass
class Optimizers:
    """AdamW for what is stepped every batch and what is stepped every window.

    Attributes:
        clip: largest gradient norm of each group.
        warmup: steps of each optimiser over which its rates rise.
        total: batches over which they fall to zero again; constant after the warm-up where 0.
        rates: of the groups of both optimisers.
    """

    batch: torch.optim.AdamW
    window: torch.optim.AdamW | None
    clip: float
    warmup: int
    total: int
    rates: list[list[float]]

    def step(self, which: str, step: int, done: int) -> None:
        """Clip each group, set its rate, step, and clear the gradients.

        Args:
            which: "batch" or "window".
            step: steps of this optimiser before this one.
            done: batches before this step.

        Raises:
            NonFiniteGradientError: before any weight has changed.
        """
        optimizer = self.batch if which == "batch" else self.window
        if optimizer is None:
            return
        rates = self.rates[0 if which == "batch" else 1]
        factor = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        if self.total:
            factor *= max(0.0, 1 - done / self.total)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            norm = float(nn.utils.clip_grad_norm_(group["params"], self.clip))
            if not math.isfinite(norm):
                raise NonFiniteGradientError(f"a gradient of norm {norm}")
            group["lr"] = rate * factor
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def parameters(self, which: str) -> list[nn.Parameter]:
        """What "batch" or "window" steps."""
        optimizer = self.named().get(which)
        return [] if optimizer is None else [p for group in optimizer.param_groups for p in group["params"]]

    def named(self) -> dict[str, torch.optim.AdamW]:
        both = {"batch": self.batch}
        return both if self.window is None else both | {"window": self.window}


def _groups(parameters: list[nn.Parameter], rate: float, decay: float) -> list[dict[str, object]]:
    """Matrices with decay; the rest without, and what a tuning marked `no_weight_decay`."""
    decays = [p.ndim > DECAY_FREE_DIMS and not getattr(p, "no_weight_decay", False) for p in parameters]
    matrices = list(compress(parameters, decays))
    others = [p for p, decay_too in zip(parameters, decays, strict=True) if not decay_too]
    groups: list[dict[str, object]] = []
    for members, weight_decay in ((matrices, decay), (others, 0.0)):
        if members:
            groups.append({"params": members, "lr": rate, "weight_decay": weight_decay})
    return groups


def _layers_of(model: Recommender, trunk: list[nn.Parameter], decay: float) -> list[tuple[list[nn.Parameter], float]]:
    """The trunk's weights with the factor of their rate: layer-wise decay (Howard and Ruder 2018, section 3.2)."""
    if decay == 1.0:
        return [(trunk, 1.0)]
    # Named from the bottom up; embeddings, which lie below, come last.
    layers = list(model.text_encoder.trunk_groups().items())
    bottom_up = sorted(layers, key=lambda one: one[0].startswith("trunk layer"))
    return [(members, decay**depth) for depth, (_, members) in enumerate(reversed(bottom_up))]


def _slower(model: Recommender, rate: float) -> list[nn.Parameter]:
    """What learns at another rate than the head.

    Raises:
        RecipeError: there is to be a table that does, and there is none.
    """
    if rate == 1.0:
        return []
    if not (table := model.text_encoder.table_parameters()):
        key, found = "optimizer.table_rate", f"{rate:g} for a model without a table of sub-words"
        raise RecipeError(key, found, "a student of kind static", "Leave it out.")
    return table


def make_optimizers(
    model: Recommender, objective: Objective, section: OptimizerSection, offset_decay: float, total: int = 0
) -> Optimizers:
    """Optimisers over every weight that learns, each weight in exactly one group.

    Args:
        offset_decay: AdamW's decay of offsets.
        total: batches over which the rates fall; 0 where they do not.

    Raises:
        RecipeError: a rate of what the model does not have.
    """
    offsets = [] if model.offsets is None else [p for p in model.offsets.parameters() if p.requires_grad]
    adapters = [p for p in objective.parameters() if p.requires_grad]
    users = [p for p in model.user_encoder.parameters() if p.requires_grad]
    trunk = [p for p in model.text_encoder.trunk_parameters() if p.requires_grad]
    table = _slower(model, section.table_rate)
    apart = {id(p) for p in (*trunk, *table)}
    head = [p for p in model.text_encoder.parameters() if p.requires_grad and id(p) not in apart]
    side_rate, trunk_rate = (
        rate * section.rate_factor for rate in (section.learning_rate, section.trunk_learning_rate)
    )
    every_batch = _groups(users, side_rate, section.weight_decay)
    if offsets:
        every_batch.append({"params": offsets, "lr": side_rate, "weight_decay": offset_decay})
    if model.repeat_term is not None:
        rate = side_rate * REPEAT_RATE
        every_batch.append({"params": [model.repeat_term.numbers], "lr": rate, "weight_decay": 0.0})
    every_window = _groups(head + adapters, side_rate, section.weight_decay)
    # At a rate of zero too, so that what is stored of a training does not depend on it.
    every_window += _groups(table, side_rate * section.table_rate, section.weight_decay)
    for members, factor in _layers_of(model, trunk, section.trunk_layer_decay):
        every_window += _groups(members, trunk_rate * factor, section.weight_decay)
    batch = torch.optim.AdamW(every_batch)
    window = torch.optim.AdamW(every_window) if every_window else None
    rates = [[float(group["lr"]) for group in groups] for groups in (batch.param_groups, every_window)]  # type: ignore[arg-type]
    return Optimizers(batch, window, section.clip, section.warmup_updates, total, rates)
