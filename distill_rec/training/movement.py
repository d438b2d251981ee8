"""How far training moved a model, part by part: a tuning whose trunk stood still has tested nothing."""

from __future__ import annotations

from collections import defaultdict

from torch import Tensor

from distill_rec.nn.recommender import Recommender


def parts_of(model: Recommender) -> dict[str, list[str]]:
    """Names of the weights of each part, as `named_parameters` has them: trunk layers, head, user encoder, offsets."""
    part_of = {id(p): name for name, group in model.text_encoder.trunk_groups().items() for p in group}
    parts: dict[str, list[str]] = defaultdict(list)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            parts[part_of.get(id(parameter), model.part_of(name))].append(name)
    return dict(parts)


def relative_change(start: dict[str, Tensor], end: dict[str, Tensor], parts: dict[str, list[str]]) -> dict[str, float]:
    """|end - start| / |start| of each part (Euclidean norms over all its weights); of a zero start the plain |end|.

    Args:
        start, end: weights by name.
        parts: the weights' names of each part; those that `start` lacks are left out.
    """
    changes = {}
    for part, names in parts.items():
        pairs = [(start[name].detach().float(), end[name].detach().float()) for name in names if name in start]
        moved = sum(float((new - old).square().sum()) for old, new in pairs) ** 0.5
        norm = sum(float(old.square().sum()) for old, _ in pairs) ** 0.5
        changes[part] = moved / norm if norm else moved
    return changes
