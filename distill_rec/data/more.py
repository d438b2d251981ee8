"""Files that come beside an earlier run's: rows are read once, later texts count, and what is known is marked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from distill_rec.data.dataset import Dataset, Sequences
from distill_rec.data.faults import Faults
from distill_rec.data.rows import FILE, LINE, find_files, named, places
from distill_rec.data.slices import whole
from distill_rec.recipe import DataSection

PART = "__part__"


def more_files(section: DataSection, folder: Path, key: str, before: list[Path]) -> list[Path]:
    """Files of `more_clicks` or `more_items` that are not among those that are read already.

    Args:
        key: "clicks" or "items".
        before: files of the pattern itself.

    Raises:
        DataError: one is missing.
    """
    found, met = [], {path.resolve() for path in before}
    for pattern in getattr(section, f"more_{key}"):
        for path in find_files(folder, pattern, f"data.more_{key}"):
            if path.resolve() not in met:
                met.add(path.resolve())
                found.append(path)
    return found


def read_once(table: pl.DataFrame, lengths: list[int], first: int, faults: Faults) -> pl.DataFrame:
    """The rows of all files without those of a further file that a file before it has too, all columns alike.

    Exports of a log overlap, and a file may hold all of it from its first day on.

    Args:
        table: files one after the other.
        lengths: rows of each.
        first: number of the first further file.
    """
    own = [name for name in table.columns if name not in (FILE, LINE)]
    parts = table.with_columns(pl.Series(PART, np.repeat(np.arange(len(lengths)), lengths)))
    again = (pl.col(PART) >= first) & (pl.col(PART) > pl.col(PART).min().over(*(named(name) for name in own)))
    marked = parts.with_columns(again.alias("__again__"))
    for file, part in places(marked.filter(pl.col("__again__"))):
        faults.mend("a row that an earlier file has too: read once", file, part[LINE].to_list())
    return marked.filter(~pl.col("__again__")).drop(PART, "__again__")


def renewed(items: pl.DataFrame, later: pl.DataFrame, faults: Faults) -> pl.DataFrame:
    """Items with those of a later file: known ones keep their place and get the later row, new ones follow.

    Args:
        items, later: one row per `item_id` each.
    """
    known = later.filter(pl.col("item_id").is_in(items["item_id"].implode()))
    for file, part in places(known):
        faults.mend("an item that an earlier file has too: the later row counts", file, part[LINE].to_list())
    rows = pl.concat([items, later], how="diagonal_relaxed")
    return rows.group_by("item_id", maintain_order=True).last().select(rows.columns)


def not_known(dataset: Dataset, known: Dataset) -> NDArray[np.bool_]:
    """Which training clicks (in their order, user after user), or impressions, an earlier run has not trained on.

    They are told by user, item and time (impressions by user and time); for what stands in both more than once, once
    is enough.
    """
    mine, theirs = _clicks_of(dataset, dataset), _clicks_of(known, dataset)
    rows = mine.with_row_index("__row__").join(theirs, on=mine.columns, how="semi")["__row__"].to_numpy()
    fresh = np.ones(len(mine), np.bool_)
    fresh[rows] = False
    return fresh


def _clicks_of(one: Dataset, dataset: Dataset) -> pl.DataFrame:
    """A data set's training clicks, users and items by their numbers in another; -1 of those that it does not have."""
    train, users = one.train, _numbers(one.users["user_id"], dataset.users["user_id"])
    if not isinstance(train, Sequences):
        return pl.DataFrame({"user": users[train.user], "time": np.array(train.time)})
    clicks, items = whole(train.items), _numbers(one.items["item_id"], dataset.items["item_id"])
    user = np.repeat(users[train.user], clicks.lengths)
    return pl.DataFrame({"user": user, "item": items[clicks.values], "time": np.array(whole(train.times).values)})


def _numbers(ids: pl.Series, among: pl.Series) -> NDArray[np.int32]:
    numbers = ids.replace_strict(among, np.arange(len(among)), default=-1, return_dtype=pl.Int32)
    return np.array(numbers.to_numpy())
