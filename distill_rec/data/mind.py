"""Reader of MIND: `news.tsv` and `behaviors.tsv`, byte-exact (quotes are characters like any other)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from distill_rec.data.faults import Faults
from distill_rec.data.log import Log, unique_items
from distill_rec.data.rows import LINE, find_files, read_rows
from distill_rec.data.times import MISSING, parse_times, zone_of
from distill_rec.recipe import DataSection

NEWS = ["item_id", "category", "subcategory", "title", "abstract", "url", "title_entities", "abstract_entities"]
BEHAVIORS = ["impression_id", "user_id", "time", "history", "impressions"]


def read_mind(section: DataSection, base: Path) -> Log:
    """Read a train folder and a test folder (`data.test`); the news of both are one catalogue.

    Raises:
        DataError: a file is missing, or too many rows are refused.
    """
    faults = Faults()
    folders = {"train": base / section.path}
    if section.test:
        folders["test"] = folders["train"] / section.test if not Path(section.test).is_absolute() else Path(section.test)
    news = [read_news(folder / "news.tsv", faults, section.encoding) for folder in folders.values()]
    items = unique_items(pl.concat(news), "news.tsv", Faults() if len(news) > 1 else faults)
    faults.check(section.max_refused)
    impressions = {}
    kinds: dict[str, int] = {}
    for part, folder in folders.items():
        path = find_files(folder, "behaviors.tsv")[0]
        impressions[part], found = read_behaviors(path, items["item_id"], faults, section.encoding, section.timezone)
        kinds = {kind: kinds.get(kind, 0) + found.get(kind, 0) for kind in kinds | found}
        faults.check(section.max_refused)
    return Log(items, None, impressions, True, kinds, faults)


def read_news(path: Path, faults: Faults, encoding: str = "utf-8") -> pl.DataFrame:
    """News as strings, with line numbers; an empty abstract is ""."""
    path = find_files(path.parent, path.name)[0]
    return read_rows(path, faults, encoding=encoding, delimiter="\t", quoted=False, columns=NEWS)


def read_behaviors(
    path: Path, known: pl.Series, faults: Faults, encoding: str = "utf-8", timezone: str = "UTC"
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Impressions in the file's order, and how many times of each kind.

    Unknown items leave histories and candidates and are counted; an impression without a click is counted and
    kept. `labels` is null where candidates carry none.

    Args:
        known: ids of the catalogue.
    """
    rows = read_rows(path, faults, encoding=encoding, delimiter="\t", quoted=False, columns=BEHAVIORS)
    times, kinds = parse_times(rows["time"], zone_of(timezone))
    rows = rows.with_columns(pl.Series("time", times))
    unreadable = rows.filter(pl.col("time") == MISSING)
    faults.refuse("a missing or unreadable time", path.name, unreadable[LINE].to_list())
    no_user = rows.filter((pl.col("user_id") == "") & (pl.col("time") != MISSING))
    faults.refuse("a missing user id", path.name, no_user[LINE].to_list())
    rows = rows.filter((pl.col("time") != MISSING) & (pl.col("user_id") != ""))
    history = _split(rows["history"])
    shown = _split(rows["impressions"])
    labelled = bool(shown.explode().drop_nulls().str.contains(r"-[01]$").all())
    rows = rows.select("user_id", "time", pl.col(LINE).alias("line"))
    rows = rows.with_columns(_known(history, known, rows["line"], "an unknown item in a history", path, faults))
    candidates = shown.list.eval(pl.element().str.replace(r"-[01]$", "")) if labelled else shown
    labels = shown.list.eval(pl.element().str.slice(-1).cast(pl.Int8)) if labelled else None
    if labels is None:
        return rows.with_columns(candidates.alias("candidates"), pl.lit(None, dtype=pl.List(pl.Int8)).alias("labels")), kinds
    rows = _known_candidates(rows, candidates, labels, known, path, faults)
    _count_labels(rows, path, faults)
    return rows, kinds


def _split(lists: pl.Series) -> pl.Series:
    return lists.fill_null("").str.split(" ").list.eval(pl.element().filter(pl.element() != ""))


def _flat(lists: pl.Series, lines: pl.Series, name: str) -> pl.DataFrame:
    """One row an entry: the row's number, its line, the entry."""
    lengths = lists.list.len().to_numpy()
    row = np.repeat(np.arange(len(lists)), lengths)
    values = lists.explode(keep_nulls=False, empty_as_null=False) if len(lists) else pl.Series([], dtype=pl.String)
    return pl.DataFrame({"row": row, LINE: lines.to_numpy()[row], name: values})


def _gather(flat: pl.DataFrame, name: str, rows: int, dtype: pl.DataType | type[pl.DataType]) -> pl.Series:
    """Entries back to one list a row."""
    grouped = flat.group_by("row", maintain_order=True).agg(pl.col(name))
    whole = pl.DataFrame({"row": np.arange(rows)}).join(grouped, on="row", how="left", maintain_order="left")
    return whole[name].fill_null([]).cast(pl.List(dtype)).alias(name)


def _known(
    lists: pl.Series, known: pl.Series, lines: pl.Series, reason: str, path: Path, faults: Faults
) -> pl.Series:
    flat = _flat(lists, lines, "history")
    is_known = flat["history"].is_in(known.implode())
    faults.mend(reason, path.name, flat.filter(~is_known)[LINE].to_list())
    return _gather(flat.filter(is_known), "history", len(lists), pl.String)


def _known_candidates(
    rows: pl.DataFrame, candidates: pl.Series, labels: pl.Series, known: pl.Series, path: Path, faults: Faults
) -> pl.DataFrame:
    flat = _flat(candidates, rows["line"], "candidates").with_columns(_flat(labels, rows["line"], "labels")["labels"])
    is_known = flat["candidates"].is_in(known.implode())
    faults.mend("an unknown candidate", path.name, flat.filter(~is_known)[LINE].to_list())
    clicked = flat.filter(~is_known & (pl.col("labels") == 1))
    faults.mend("a clicked candidate that is unknown", path.name, clicked[LINE].to_list())
    flat = flat.filter(is_known)
    return rows.with_columns(
        _gather(flat, "candidates", len(rows), pl.String), _gather(flat, "labels", len(rows), pl.Int8)
    )


def _count_labels(rows: pl.DataFrame, path: Path, faults: Faults) -> None:
    clicks = rows["labels"].list.sum().fill_null(0)
    none = rows.filter(clicks == 0)["line"].to_list()
    every = rows.filter((clicks > 0) & (clicks == rows["labels"].list.len()))["line"].to_list()
    faults.mend("an impression with no click", path.name, none)
    faults.mend("an impression with only clicks", path.name, every)
