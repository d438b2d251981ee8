"""Sums of several teachers' scores that are written nowhere: to weigh them, and to see what each gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from distill_rec.ensemble.record import EnsembleRecord
from distill_rec.evaluation.scorer import DotScorer, Scorer
from distill_rec.knowledge import Knowledge, joined_repeat, known_by
from distill_rec.nn.recommender import user_vectors
from distill_rec.nn.side_by_side import SideBySide, joined
from distill_rec.records import read_record


def sum_of(members: Sequence[Knowledge], weights: Sequence[float], name: str = "ensemble") -> DotScorer:
    """The weighted sum of scores, as a model."""
    items = joined([np.asarray(one.item_vectors) for one in members], known_by(members), weights)
    encoder = SideBySide([one.user_encoder for one in members], weights)
    repeat = joined_repeat(members, weights)
    return DotScorer(name, items, lambda history: user_vectors(encoder, history, items), repeat)


def shares_of(folder: Path) -> dict[str, tuple[float, Scorer | str | None]]:
    """Of each teacher its weight, and the sum of the others; None where no other has a weight.

    Where one other has one and knows all items it is its name: the sum ranks as that teacher does.

    Args:
        folder: of the teach stage.
    """
    weights = read_record(EnsembleRecord, folder / "ensemble.json").weights
    members = {name: Knowledge.load(folder / name / "knowledge") for name in weights}
    out: dict[str, tuple[float, Scorer | str | None]] = {}
    for name, weight in weights.items():
        rest = [other for other in weights if other != name and weights[other] > 0]
        if len(rest) == 1 and members[rest[0]].knows is None:
            out[name] = weight, rest[0]
            continue
        others = [members[one] for one in rest], [weights[one] for one in rest]
        out[name] = weight, sum_of(*others, f"without {name}") if rest else None
    return out
