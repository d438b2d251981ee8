"""What the top-10 lists of a model are like, beyond accuracy: how much of the catalogue they cover, how popular it is,
how much a list holds that is alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.dataset import Dataset
from distill_rec.evaluation.bootstrap import interval, known_means
from distill_rec.evaluation.explained import Explained
from distill_rec.evaluation.protocol import Samples
from distill_rec.evaluation.results import Difference, Lists
from distill_rec.evaluation.tables import pairs_of
from distill_rec.evaluation.text_space import TextSpace, intra_list_distance

Floats = NDArray[np.float64]
Items = NDArray[np.int64]
Draws = tuple[float, Floats]
"""A figure and its resamples."""
ByModel = dict[str, dict[str, Draws]]


LISTS = {
    "coverage": Explained("catalogue coverage@10", "share of the catalogue that stands in at least one of these lists"),
    "novelty": Explained(
        "novelty, bits", "mean self-information of a listed item, −log2 of its share of the training clicks"
    ),
    "diversity": Explained(
        "diversity in the list", "mean of 1 − cosine of two items of a list, by the words of their texts (TF-IDF)"
    ),
    "popularity_lift": Explained(
        "popularity lift", "mean training clicks of listed items over those of the users' histories; 1: as they are"
    ),
}
"""In the order of a table."""


def lists_beyond(
    found: Mapping[str, Sequence[Items]],
    samples: Samples,
    rows: NDArray[np.int64],
    dataset: Dataset,
    *,
    resamples: int,
    seed: int,
) -> tuple[dict[str, Lists], list[Difference]]:
    """Of each model's lists `[n, 10]`, one per user; and paired differences between models.

    Args:
        found: by model, the lists of each seed; values are averaged over seeds before users are drawn.
        rows: the sample of each list.
    """
    values = {
        name: [per_list(one, dataset) for one in seeds] for name, seeds in _with_diversity(found, dataset).items()
    }
    usual = popularity_of_histories(samples, rows, dataset)
    if not values or not len(rows):
        return {}, []
    draws = _draws({name: _averaged(seeds) for name, seeds in values.items()}, usual, resamples, seed)
    lists = {
        name: _told(draws[name], found[name], dataset, _spread(values[name], found[name], usual, dataset))
        for name in found
    }
    differences = [
        _difference(metric, first, second, draws, len(rows))
        for metric in ("novelty", "diversity", "popularity_lift")
        for first, second in pairs_of(list(found))
        if metric in draws[first] and metric in draws[second]
    ]
    return lists, differences


def _with_diversity(found: Mapping[str, Sequence[Items]], dataset: Dataset) -> dict[str, list[tuple[Items, Floats]]]:
    """Each seed's lists and their diversity; vectors are made of listed items alone, which are few."""
    space = TextSpace(dataset.texts)
    every = [items[items >= 0] for seeds in found.values() for items in seeds]
    listed = np.unique(np.concatenate(every)) if every else np.empty(0, int)
    vectors = space.vectors([dataset.texts[text] for text in np.asarray(dataset.item_text)[listed]])
    number = np.full(dataset.n_items + 1, -1)  # the last place is that of -1
    number[listed] = np.arange(len(listed))
    return {
        name: [(items, intra_list_distance(number[items], vectors)) for items in seeds] for name, seeds in found.items()
    }


def _averaged(seeds: Sequence[Mapping[str, Floats]]) -> dict[str, Floats]:
    """Each list's values over seeds `[n]`; NaN where every seed has none."""
    return {name: mean_known(np.stack([one[name] for one in seeds])) for name in seeds[0]}


def mean_known(values: Floats) -> Floats:
    """Mean of `[n_seeds, n]` over those that have a value; NaN where none has."""
    known = ~np.isnan(values)
    sums, counts = np.where(known, values, 0.0).sum(axis=0), known.sum(axis=0)
    return np.asarray(np.divide(sums, counts, out=np.full(values.shape[1], np.nan), where=counts > 0))


def _spread(
    seeds: Sequence[Mapping[str, Floats]], items: Sequence[Items], usual: Floats, dataset: Dataset
) -> dict[str, float]:
    """Standard deviation over seeds of every figure; none of one seed."""
    if len(seeds) < 2:
        return {}
    each: dict[str, list[float]] = {"coverage": [coverage_of(one, dataset) for one in items]}
    for one in seeds:
        both = ~np.isnan(one["popularity"] + usual)
        lift = one["popularity"][both].mean() / usual[both].mean() if usual[both].sum() > 0 else np.nan
        for name, values in (("novelty", one["novelty"]), ("diversity", one["diversity"])):
            each.setdefault(name, []).append(float(np.nanmean(values)) if not np.isnan(values).all() else np.nan)
        each.setdefault("popularity_lift", []).append(float(lift))
    return {name: float(np.std(values, ddof=1)) for name, values in each.items() if not np.isnan(values).any()}


def coverage_of(items: Items, dataset: Dataset) -> float:
    """Share of the catalogue that stands in one of these lists."""
    return len(np.unique(items[items >= 0])) / max(dataset.n_items, 1)


def per_list(found: tuple[Items, Floats], dataset: Dataset) -> dict[str, Floats]:
    """`novelty`, `diversity` and the mean training clicks (`popularity`) of each list `[n]`; NaN of an empty one."""
    items, diversity = found
    clicks = dataset.train_clicks.astype(np.float64)
    # one click is added to every item, so that an item without clicks has finite self-information
    bits = -np.log2((clicks + 1) / (clicks + 1).sum())
    return {"novelty": _mean_of(bits, items), "diversity": diversity, "popularity": _mean_of(clicks, items)}


def _mean_of(values: Floats, items: Items) -> Floats:
    there = items >= 0
    counts = there.sum(axis=1)
    sums = np.where(there, values[items], 0.0).sum(axis=1)
    return np.asarray(np.divide(sums, counts, out=np.full(len(items), np.nan), where=counts > 0))


def popularity_of_histories(samples: Samples, rows: NDArray[np.int64], dataset: Dataset) -> Floats:
    """Mean training clicks of each history's items `[n]`; NaN of an empty one."""
    history = samples.history.take(rows)
    clicks = np.asarray(dataset.train_clicks, dtype=np.float64)[history.values]
    owner = np.repeat(np.arange(len(rows)), history.lengths)
    sums = np.bincount(owner, clicks, minlength=len(rows))
    mean = np.divide(sums, history.lengths, out=np.full(len(rows), np.nan), where=history.lengths > 0)
    return np.asarray(mean)


def _draws(values: Mapping[str, Mapping[str, Floats]], usual: Floats, resamples: int, seed: int) -> ByModel:
    """Each model's figures with their resamples over users, the same ones for all; a user without a list has none."""
    columns: list[Floats] = []
    for of_list in values.values():
        both = np.isnan(of_list["popularity"] + usual)
        columns += [of_list["novelty"], of_list["diversity"]]
        columns += [np.where(both, np.nan, of_list["popularity"]), np.where(both, np.nan, usual)]
    means, drawn = known_means(np.stack(columns, axis=1), resamples, seed)
    out: ByModel = {}
    for place, name in enumerate(values):
        novelty, diversity, listed, usually = range(4 * place, 4 * place + 4)
        found = {"novelty": (means[novelty], drawn[:, novelty]), "diversity": (means[diversity], drawn[:, diversity])}
        if means[usually] > 0:  # group average popularity, of lists over histories (Abdollahpouri et al. 2019, 3.2)
            found["popularity_lift"] = means[listed] / means[usually], drawn[:, listed] / drawn[:, usually]
        out[name] = {metric: (float(mean), draws) for metric, (mean, draws) in found.items() if not np.isnan(mean)}
    return out


def _told(draws: Mapping[str, Draws], seeds: Sequence[Items], dataset: Dataset, spread: dict[str, float]) -> Lists:
    def figure(name: str) -> float | None:
        return draws[name][0] if name in draws else None

    return Lists(
        coverage=float(np.mean([coverage_of(items, dataset) for items in seeds])),
        novelty=figure("novelty"),
        diversity=figure("diversity"),
        popularity_lift=figure("popularity_lift"),
        users=max(int((items[:, 0] >= 0).sum()) for items in seeds),
        spread=spread,
        intervals={name: tuple(interval(sample)) for name, (_, sample) in draws.items()},
    )


def _difference(
    metric: str, first: str, second: str, draws: Mapping[str, Mapping[str, Draws]], users: int
) -> Difference:
    (a, a_draws), (b, b_draws) = draws[first][metric], draws[second][metric]
    low, high = interval(a_draws - b_draws)
    return Difference(metric=metric, first=first, second=second, value=a - b, low=low, high=high, users=users)
