"""Values of a column for each item or user, read anew from the files that the data were prepared from.

A column that the test is sliced by decides nothing of the data set, so that it can be named after a run has ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from distill_rec.data import mind, recbole, table
from distill_rec.data.clicks import mend_users
from distill_rec.data.dataset import Dataset
from distill_rec.data.faults import Faults
from distill_rec.data.ragged import Ragged
from distill_rec.data.rows import FILE, named
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import RecipeError
from distill_rec.sections.evaluation import SliceSection

KEY = "evaluate.slices"


@dataclass(frozen=True)
class Labels:
    """Which values each item, or each user, has.

    Attributes:
        by: the column.
        names: the values, in the order in which they first stand.
        numbers: rows of numbers of `names`, one row for each item or user; an empty one where there is no value.
    """

    by: str
    of: Literal["items", "users"]
    names: list[str]
    numbers: Ragged


def read_labels(
    slices: Sequence[SliceSection], section: DataSection, base: Path, dataset: Dataset, clicks: Any, items: Any
) -> list[Labels]:
    """The labels of each column.

    Args:
        base: folder that the data's files are relative to.
        clicks, items: frames in the place of files; None where there are none.

    Raises:
        DataError: a file or column is missing.
    """
    refuse_columns(slices, section)
    out = []
    names = [one.column for one in slices if one.of == "items"]
    catalogue = _of_items(names, section, base, clicks, items) if names else None
    for one in slices:
        if one.of == "items":
            assert catalogue is not None
            ids, found = dataset.items["item_id"], catalogue.select(pl.col("item_id").alias("id"), named(one.column))
        else:
            ids, found = dataset.users["user_id"], _of_users(one.column, section, base, clicks)
        kind: Literal["items", "users"] = "items" if one.of == "items" else "users"
        out.append(labels_of(one.column, kind, ids, found.rename({one.column: "value"}), one.separator))
    return out


def refuse_columns(slices: Sequence[SliceSection], section: DataSection) -> None:
    """Refuse what no file of the format has.

    Raises:
        RecipeError: a column of the clicks, of MIND's behaviors.
    """
    if section.format == "mind" and (wrong := [one.column for one in slices if one.of == "clicks"]):
        found = f"{wrong[0]!r} of the clicks, and MIND's behaviors have no further columns"
        raise RecipeError(f"key {KEY}", found, "a column of the items, as category")


def labels_of(by: str, of: Literal["items", "users"], ids: pl.Series, found: pl.DataFrame, separator: str) -> Labels:
    """Labels of these ids.

    Args:
        found: `id` and `value`, each id once.
        separator: splits a value into several; "": none does.
    """
    values = pl.DataFrame({"id": ids}).join(found, on="id", how="left", maintain_order="left")["value"]
    texts = values.cast(pl.String).fill_null("")
    lists = texts.str.split(separator) if separator else texts.reshape((-1, 1)).arr.to_list()
    flat = pl.DataFrame({"row": np.arange(len(ids)), "value": lists}).explode("value")
    flat = flat.with_columns(pl.col("value").str.strip_chars()).filter(pl.col("value") != "")
    flat = flat.unique(maintain_order=True)
    names = flat["value"].unique(maintain_order=True)
    numbers = flat["value"].replace_strict(names, range(len(names)), return_dtype=pl.Int32)
    counts = np.bincount(flat["row"].to_numpy(), minlength=len(ids))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Labels(by, of, names.to_list(), Ragged(numbers.to_numpy(), offsets))


def _of_items(columns: list[str], section: DataSection, base: Path, clicks: Any, items: Any) -> pl.DataFrame:
    """The catalogue's `item_id` and own columns, as `prepare` reads them."""
    folder, faults = base / section.path, Faults()
    if section.format == "mind":
        found = mind.read_items(section, base, faults)
    elif section.format == "recbole":
        found = recbole.read_items(section, folder, faults)
    else:
        found = table.read_items(section, folder, clicks, items, columns, faults)
    table.require(found, [(KEY, column) for column in columns], "the items")
    return found


def _of_users(column: str, section: DataSection, base: Path, clicks: Any) -> pl.DataFrame:
    """`id` of each user and the value that stands most often in his clicks, the first of equally frequent ones."""
    counts = None
    for part in _click_parts(section, base, clicks, Faults()):
        table.require(part, [("data.user_column", section.user_column), (KEY, column)], "the clicks")
        users = mend_users(part.with_columns(named(section.user_column).cast(pl.String)), section, Faults())
        own = users.select(named(section.user_column).alias("id"), named(column).cast(pl.String).alias(column))
        own = own.filter(pl.col("id").is_not_null() & (named(column).fill_null("").str.strip_chars() != ""))
        new = own.group_by("id", column, maintain_order=True).len()
        counts = new if counts is None else pl.concat([counts, new])
    assert counts is not None
    whole = counts.group_by("id", column, maintain_order=True).agg(pl.col("len").sum())
    best = whole.sort("len", descending=True, maintain_order=True).unique("id", keep="first", maintain_order=True)
    return best.select("id", named(column))


def _click_parts(section: DataSection, base: Path, clicks: Any, faults: Faults) -> Iterator[pl.DataFrame]:
    parts = (
        recbole.click_files(section, base / section.path, faults)
        if section.format == "recbole"
        else table.parts_of(section, base / section.path, clicks, "clicks", faults)
    )
    for part, file in parts:
        yield part.with_columns(pl.lit(file).alias(FILE))
