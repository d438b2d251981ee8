"""Where people hardly come back: how low the repeat term stands, by validation data.

The click loss pushes the term down where no click ever repeats, and the further down it is the less it pushes, so a
training ends before what was clicked before has left the top of the ranking. One number, by how much all of the term's
numbers are lowered together, is fitted to nDCG@10 on validation data instead, all items ranked.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from distill_rec.data.dataset import Dataset, Queries
from distill_rec.evaluation.protocol import Samples, targets_repeat, validation_metric
from distill_rec.evaluation.scorer import Scorer
from distill_rec.nn.recommender import Recommender

LEVELS = (-2.0, -4.0, -8.0, -16.0)
"""Means of the numbers that are tried below the learned one."""


def lower_repeats(
    model: Recommender, scorer: Callable[[Recommender], Scorer], samples: Samples, dataset: Dataset
) -> float | None:
    """Lower a model's repeat term, in place, to the level that ranks best.

    Done a second time it changes nothing.

    Args:
        scorer: makes a model into what the evaluation ranks by.
        samples: validation queries.

    Returns:
        The mean of the numbers after; None where they stay, as of impressions, or where people do come back: there the
        clicks say where the term belongs.
    """
    term = model.repeat_term
    if term is None or not isinstance(samples, Queries) or not len(samples) or targets_repeat(dataset):
        return None
    learned = term.numbers.detach().clone()
    best, kept = _ranked(model, scorer, samples, dataset), learned
    for level in (one for one in LEVELS if one < float(learned.mean())):
        _set(model, learned + (level - learned.mean()))
        found = _ranked(model, scorer, samples, dataset)
        if found > best:
            best, kept = found, term.numbers.detach().clone()
    _set(model, kept)
    return None if kept is learned else float(kept.mean())


def _ranked(model: Recommender, scorer: Callable[[Recommender], Scorer], samples: Queries, dataset: Dataset) -> float:
    return validation_metric(scorer(model), samples, dataset, leave_out_seen=False)


def _set(model: Recommender, numbers: torch.Tensor) -> None:
    assert model.repeat_term is not None
    with torch.no_grad():
        model.repeat_term.numbers.copy_(numbers)
