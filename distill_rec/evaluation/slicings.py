"""The test sliced by columns of items and users, by clicks of targets and of histories, new users beside known ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from distill_rec.data.dataset import Dataset, Queries
from distill_rec.data.labels import Labels
from distill_rec.data.ragged import Ragged
from distill_rec.evaluation.protocol import PerSample, Samples
from distill_rec.evaluation.results import POPULARITY, Slice, Slicing
from distill_rec.evaluation.slices import by_clicks
from distill_rec.evaluation.tables import build
from distill_rec.recipe import EvaluateSection

Rows = NDArray[np.bool_]
Indices = NDArray[np.int64]
Named = Sequence[tuple[str, Rows]]
Found = Mapping[str, Sequence[PerSample]]

SLICED = {"catalogue": ("ndcg@10", "recall@100", "percentile"), "impressions": ("auc", "ndcg@10")}
"""Metrics that slices are told in, by protocol: for rare targets recall@10 is near zero for everyone."""
MOST = 30
"""Values of a column that stand alone, the most frequent ones."""
FEWEST = 20
"""Samples below which a value does not stand alone."""
BANDS = 5
"""Of a column of numbers that has more values than stand alone."""
NUMBERS = 0.9
"""Share of a column's values at least that are numbers, where it is one of numbers; what is none is in no band."""

LENGTHS, KNOWN = "clicks in the history", "users"
ALWAYS = (POPULARITY, LENGTHS, KNOWN)
"""Told of every test that they divide."""
NEW_USERS, OLD_USERS = "new users, without a training sample", "known users"


def slicings_of(
    found: Found, samples: Samples, dataset: Dataset, section: EvaluateSection, labels: Sequence[Labels]
) -> list[Slicing]:
    """Every way in which the test falls into more than one slice."""
    metrics = SLICED["catalogue" if isinstance(samples, Queries) else "impressions"]
    told = {model: [_only(one, metrics) for one in seeds] for model, seeds in found.items()}
    kept = ~np.isnan(next(iter(told.values()))[0].values[metrics[-1]])
    out = [_by_label(one, told, samples, kept, section) for one in labels]
    first = next(iter(found.values()))[0]
    popularity = list(by_clicks(first.target_clicks))
    lengths = list(by_clicks(np.asarray(samples.history.lengths, dtype=np.float64)))
    new = ~np.isin(samples.user, np.unique(dataset.train.user))
    out.append(_slicing(POPULARITY, "items", popularity, told, kept, section, ordered=True))
    out.append(_slicing(LENGTHS, "histories", lengths, told, kept, section, ordered=True))
    out.append(_slicing(KNOWN, "users", [(NEW_USERS, new), (OLD_USERS, ~new)], told, kept, section))
    return [one for one in out if len(one.slices) > 1 or one.by not in ALWAYS]


def _only(one: PerSample, metrics: Sequence[str]) -> PerSample:
    return PerSample(one.user, one.target_clicks, {metric: one.values[metric] for metric in metrics})


def _by_label(labels: Labels, found: Found, samples: Samples, kept: Rows, section: EvaluateSection) -> Slicing:
    sample, value = _pairs(labels, samples)
    bands = _bands(labels, sample, value, kept)
    names, merged = (bands, 0) if bands else _standing(labels, sample, value, kept)
    out = _slicing(labels.by, labels.of, names, found, kept, section, ordered=bool(bands))
    several = np.asarray(np.sum([rows for _, rows in names], axis=0))
    return out.model_copy(update={"overlapping": bool((several > 1).any()), "merged": merged})


def _bands(labels: Labels, sample: Indices, value: Indices, kept: Rows) -> list[tuple[str, Rows]]:
    """A column of many numbers in bands of about as many samples each; none of any other column."""
    numbers = pl.Series(labels.names, dtype=pl.String).cast(pl.Float64, strict=False).fill_nan(None)
    if len(numbers) <= MOST or numbers.null_count() > (1 - NUMBERS) * len(numbers):
        return []
    found = numbers.to_numpy()[value]
    sample, found = sample[~np.isnan(found)], found[~np.isnan(found)]
    counted = kept[sample]
    if not counted.any():
        return []
    edges = np.quantile(found[counted], np.arange(1, BANDS) / BANDS, method="lower")
    band = np.searchsorted(edges, found)  # a band ends with its edge
    out = []
    for number in np.unique(band[counted]):
        low, high = (f"{end(found[band == number]):.15g}" for end in (np.min, np.max))
        out.append((low if low == high else f"{low} to {high}", _mask(sample[band == number], len(kept))))
    return out


def _standing(labels: Labels, sample: Indices, value: Indices, kept: Rows) -> tuple[list[tuple[str, Rows]], int]:
    """The frequent values' samples, those of all others together, and how many others there are."""
    counted = kept[sample]
    counts = np.bincount(value[counted], minlength=len(labels.names))
    frequent = np.argsort(-counts, kind="stable")[:MOST]
    frequent = frequent[counts[frequent] >= FEWEST]
    rest = np.setdiff1d(np.flatnonzero(counts), frequent)
    out = [(labels.names[one], _mask(sample[value == one], len(kept))) for one in frequent]
    if len(rest) == 1:
        out.append((labels.names[rest[0]], _mask(sample[value == rest[0]], len(kept))))
    elif len(rest):
        out.append((f"{len(rest):,} other values", _mask(sample[np.isin(value, rest)], len(kept))))
    return out, len(rest) if len(rest) > 1 else 0


def _pairs(labels: Labels, samples: Samples) -> tuple[Indices, Indices]:
    """Sample and value, one entry each time that a sample's target (a clicked candidate), or user, has it."""
    n = len(samples)
    if labels.of == "users":
        owner, row = np.arange(n), np.asarray(samples.user)
    elif isinstance(samples, Queries):
        owner, row = np.arange(n), np.asarray(samples.target)
    else:
        clicked = np.asarray(samples.labels.values) > 0
        owner = np.repeat(np.arange(n), samples.candidates.lengths)[clicked]
        row = np.asarray(samples.candidates.values)[clicked]
    values: Ragged = labels.numbers.take(row)
    return np.repeat(owner, values.lengths), np.asarray(values.values, dtype=np.int64)


def _mask(rows: Indices, n: int) -> Rows:
    out = np.zeros(n, dtype=np.bool_)
    out[rows] = True
    return out


def _slicing(  # noqa: PLR0913
    by: str, of: str, names: Named, found: Found, kept: Rows, section: EvaluateSection, *, ordered: bool = False
) -> Slicing:
    names = [(name, rows) for name, rows in names if (rows & kept).any()]
    inside = np.any([rows for _, rows in names], axis=0) if names else np.zeros(len(kept), np.bool_)
    slices = list(_slices(by, names, found, kept, section))
    left_out = int((kept & ~inside).sum())
    return Slicing.model_validate({"by": by, "of": of, "slices": slices, "left_out": left_out, "ordered": ordered})


def _slices(by: str, names: Named, found: Found, kept: Rows, section: EvaluateSection) -> Iterator[Slice]:
    for number, (name, rows) in enumerate(names):
        key = f"{by}-{number}"
        table = build(key, f"{by}: {name}", found, rows=rows, resamples=section.bootstrap, seed=section.seed)
        if table is not None:
            yield Slice(name=name, share=float((rows & kept).sum() / kept.sum()), table=table)
